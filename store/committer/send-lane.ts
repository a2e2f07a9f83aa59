import { randomUUID } from 'node:crypto';
import { isSenderHead, type SenderHead } from '../../domain/heads';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import type { AgentCard, AgentReader } from '../agents';
import type { Database } from '../database';
import { isOutage } from '../outage';
import { givenUp, isRetryable, pauseBeforeRetry, TRIES_MAX } from './conflicts';
import { decideSends } from './decide-sends';
import { HeadCache } from './head-cache';
import { Lane, type Waiting } from './lane';
import { loadMutes } from './mutes';
import type { GroupChange } from './group-change';
import { groupIdOf, newChangeItem, newDirectItem, newGroupItem, type LaneItem } from './items';
import { cachedSendState, headIdsOf, loadSendState, receptionsOf, type BatchState } from './send-state';
import type { ChangeSettled, Committed, GroupSendCommand, SendCommand, SendOutcome } from './send-types';
import { writeSends } from './write-sends';

export interface CommitterDeps {
  database: Database;
  agents: AgentReader;
  clock: Clock;
  log: Logger;
  /** False lifts the per-second window of senders (`RATE_LIMITS=off`). */
  limitRate: boolean;
  observe: (batch: { lane: 'send' | 'ack'; items: number; seconds: number; conflicts: number }) => void;
}

/**
 * 128 items a commit was the measured optimum; the queue holds some seconds of work (design: bounded memory). A direct
 * send that comes while a commit is in flight waits for all of it: so many documents of fan-outs it may have to wait for.
 */
const LIMITS = {
  batchMax: 128,
  queuedMax: 8_192,
  queuedBytesMax: 67_108_864,
  documentsMax: 2_000,
  fanOutDocumentsMax: 600,
};

/** What a change holds in memory while it waits. */
const CHANGE_BYTES = 4_096;

const UNKNOWN_SENDER: AgentCard = { handle: 'unknown', displayName: null, isSystem: false };

/** What a direct send writes: heads, message, envelope. */
const DIRECT_DOCUMENTS = 5;

/** Groups whose size is remembered for sharing out the next batches; a wrong size costs latency, nothing else. */
const GROUP_SIZES_MAX = 10_000;
const GROUP_SIZE_GUESS = 64;

type LaneOutcome = SendOutcome | ChangeSettled;
type LaneWaiting = Waiting<LaneItem, LaneOutcome>;

/** After a commit that the cache had misled, up to this many batches load everything, so that a process whose heads
 * others write, too, does not try in vain each time. */
const LOADED_BATCHES_MAX = 64;

/** The send path: load → decide → commit, many sends at a time. */
export class SendLane {
  private readonly lane: Lane<LaneItem, LaneOutcome>;
  private readonly cache = new HeadCache();
  private readonly groupSizes = new Map<string, number>();
  /** How many batches load after the next misled one, and how many of them are still to come. */
  private distrust = { next: 1, left: 0 };
  /** Told of every sender of a commit, as it is after it. */
  onSpent: (sender: SenderHead) => void = () => undefined;

  constructor(
    private readonly deps: CommitterDeps,
    private readonly onCommitted: (commit: Committed[]) => void,
  ) {
    this.lane = new Lane(
      LIMITS,
      (items) => this.runBatch(items),
      (item) => this.documentsOf(item),
    );
  }

  /**
   * Sends one message. Resolves after the majority-durable commit, or with the original of a replay.
   * @throws AppError a refusal of messaging.md §3.3, SERVICE_UNAVAILABLE on overload; driver errors when the database
   *   is down, then the outcome is unknown and a repeat with the same client_msg_id is safe
   */
  async send(command: SendCommand | GroupSendCommand): Promise<SendOutcome> {
    const item = 'groupId' in command ? newGroupItem(command) : newDirectItem(command);
    const outcome = await this.lane.submit(item, command.content.length + command.metadata.length + 512);
    if (outcome.kind === 'decided') throw new Error('a send was answered as a change');
    return outcome;
  }

  /**
   * Changes one group in its turn among the sends: resolves with the decision after the majority-durable commit.
   * @throws AppError the decision's refusal, SERVICE_UNAVAILABLE on overload; driver errors when the outcome is unknown
   */
  async change<T>(change: GroupChange<T>): Promise<T> {
    let decided: { value: T } | null = null;
    const item = newChangeItem({
      groupId: change.groupId,
      headIds: change.headIds ?? [],
      load: change.load ?? (() => Promise.resolve()),
      decide: (group, heads, now) => {
        const decision = change.decide(group, heads, now);
        if (decision.kind !== 'refused') decided = { value: decision.value };
        return decision;
      },
      extras: change.extras ?? (() => ({})),
      senderIds: () => [...change.senders().keys()],
      cardOf: (agentId) => change.senders().get(agentId) ?? UNKNOWN_SENDER,
    });
    await this.lane.submit(item, CHANGE_BYTES);
    return valueOf(decided);
  }

  private documentsOf(item: LaneItem): number {
    const groupId = groupIdOf(item);
    if (groupId === null) return DIRECT_DOCUMENTS;
    return DIRECT_DOCUMENTS + (this.groupSizes.get(groupId) ?? GROUP_SIZE_GUESS);
  }

  private rememberSizes(items: LaneItem[], { heads }: BatchState): void {
    if (this.groupSizes.size > GROUP_SIZES_MAX) this.groupSizes.clear();
    for (const item of items) {
      const group = heads.group(groupIdOf(item) ?? '');
      if (group !== null) this.groupSizes.set(group.groupId, group.memberCount);
    }
  }

  idle(): Promise<void> {
    return this.lane.idle();
  }

  private async runBatch(waiting: LaneWaiting[]): Promise<void> {
    const startedMs = performance.now();
    const progress = { conflicts: 0 };
    await this.commit(waiting, progress);
    const seconds = (performance.now() - startedMs) / 1000;
    this.deps.observe({ lane: 'send', items: waiting.length, seconds, conflicts: progress.conflicts });
  }

  /** Commits `waiting` as one batch; on a conflict first those that it does not concern, then the rest in halves. */
  private async commit(waiting: LaneWaiting[], progress: { conflicts: number }): Promise<void> {
    const items = waiting.map(({ command }) => command);
    let state: BatchState | null = null;
    try {
      state = await this.load(items);
      const uncertain = await this.decideAndWrite(waiting, state);
      if (state.isCached) this.distrust.next = 1;
      if (uncertain.length > 0) await this.commitLoaded(uncertain, progress);
    } catch (error) {
      if (!isRetryable(error)) return this.fail(waiting, error, progress);
      progress.conflicts += 1;
      if (state?.isCached === true) this.becomeDistrustful();
      if (state !== null) dropHeads(this.cache, items, state);
      await this.retry(waiting, state, progress);
    }
  }

  private async load(items: LaneItem[]): Promise<BatchState> {
    const state = await this.loadHeads(items);
    this.rememberSizes(items, state);
    const mutes = await loadMutes(this.deps.database, receptionsOf(items, state), state.heads);
    return { ...state, mutes };
  }

  /** Sends whose heads this process wrote lately need no load; the commit tells if somebody else wrote since. */
  private async loadHeads(items: LaneItem[]): Promise<BatchState> {
    const { database, agents } = this.deps;
    if (this.distrust.left > 0) this.distrust.left -= 1;
    else if (items.every((item) => item.tries === 0)) {
      const cached = await cachedSendState(this.cache, agents, items);
      if (cached !== null) return cached;
    }
    return loadSendState(database, agents, items);
  }

  private becomeDistrustful(): void {
    const { next } = this.distrust;
    this.distrust = { next: Math.min(LOADED_BATCHES_MAX, next * 2), left: next };
  }

  /** The items that this state could not answer, with a fresh one: `tries` keeps sends from the cache. */
  private commitLoaded(waiting: LaneWaiting[], progress: { conflicts: number }): Promise<void> {
    for (const { command } of waiting) if (command.kind !== 'change') command.tries += 1;
    return this.commit(waiting, progress);
  }

  /** Returns the items, untouched, whose answer needs a fresh state; all others are settled. */
  private async decideAndWrite(waiting: LaneWaiting[], state: BatchState): Promise<LaneWaiting[]> {
    const { clock, limitRate, database } = this.deps;
    const commitId = randomUUID();
    const items = waiting.map(({ command }) => command);
    const plan = decideSends(items, state, { now: clock.now(), commitId, limitRate });
    for (const item of plan.outcomes.keys()) item.commitIds.add(commitId);
    await writeSends(database, state.heads, plan);
    const written = state.heads.afterWrite();
    this.cache.put(written);
    for (const head of written) if (isSenderHead(head)) this.onSpent(head);
    for (const { command, resolve, reject } of waiting) {
      const outcome = plan.outcomes.get(command);
      if (outcome instanceof Error) reject(outcome);
      else if (outcome !== undefined) resolve(outcome);
    }
    if (plan.committed.length > 0) this.onCommitted(plan.committed);
    return waiting.filter(({ command }) => !plan.outcomes.has(command));
  }

  private async retry(
    waiting: LaneWaiting[],
    state: BatchState | null,
    progress: { conflicts: number },
  ): Promise<void> {
    const alive = this.dropGivenUp(waiting);
    if (alive.length === 0) return;
    const [untouched, touched]: [typeof alive, typeof alive] =
      state === null ? [[], alive] : await this.splitByConflict(alive, state);
    if (untouched.length > 0) await this.commit(untouched, progress);
    if (touched.length === 0) return;
    await pauseBeforeRetry(Math.max(...touched.map(({ command }) => command.tries)));
    const size = touched.length === alive.length ? Math.ceil(touched.length / 2) : touched.length;
    for (let start = 0; start < touched.length; start += size) {
      await this.commit(touched.slice(start, start + size), progress);
    }
  }

  /** Only an item that keeps failing alone gets a 500. */
  private dropGivenUp(waiting: LaneWaiting[]): LaneWaiting[] {
    return waiting.filter(({ command, reject }) => {
      command.tries += 1;
      if (command.tries <= TRIES_MAX) return true;
      reject(givenUp());
      return false;
    });
  }

  /** Which items rest on a head whose version moved since the load. */
  private async splitByConflict(waiting: LaneWaiting[], state: BatchState): Promise<[LaneWaiting[], LaneWaiting[]]> {
    const ids = new Set(waiting.flatMap(({ command }) => headIdsOf(command, state)));
    const rows = await this.deps.database.heads
      .find({ _id: { $in: [...ids] } }, { projection: { v: 1 }, maxTimeMS: 5_000 })
      .toArray()
      .catch(() => []);
    const moved = new Set(rows.filter((row) => row.v !== state.heads.version(row._id)).map((row) => row._id));
    const isTouched = ({ command }: LaneWaiting) =>
      moved.size === 0 || headIdsOf(command, state).some((id) => moved.has(id));
    return [waiting.filter((item) => !isTouched(item)), waiting.filter(isTouched)];
  }

  /** A batch that failed for one item's sake must not fail the others: halves find it. */
  private async fail(waiting: LaneWaiting[], error: unknown, progress: { conflicts: number }): Promise<void> {
    const first = waiting[0];
    // With the database out of reach, halves would only wait again.
    if (waiting.length <= 1 || isOutage(error)) {
      if (first !== undefined) this.deps.log.error({ event: 'send.failed', err: error, items: waiting.length });
      for (const { reject } of waiting) reject(error);
      return;
    }
    const middle = Math.ceil(waiting.length / 2);
    await this.commit(waiting.slice(0, middle), progress);
    await this.commit(waiting.slice(middle), progress);
  }
}

function dropHeads(cache: HeadCache, items: LaneItem[], state: BatchState): void {
  cache.drop(items.flatMap((item) => headIdsOf(item, state)));
}

/** The lane answers a change only after its decision was taken. */
function valueOf<T>(decided: { value: T } | null): T {
  if (decided === null) throw new Error('a change was answered without a decision');
  return decided.value;
}
