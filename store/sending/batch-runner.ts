import { randomUUID } from 'node:crypto';
import { isSenderGuard, type SenderGuard } from '../../domain/guards';
import type { OwnerNote } from '../../platform/bus';
import { isOutage } from '../schema/outage';
import type { CommitterDeps } from './committer';
import { givenUp, isRetryable, pauseBeforeRetry, TRIES_MAX } from '../schema/conflicts';
import { decideSends } from './decide-sends';
import type { GuardCache } from './guard-cache';
import { planGuardWrites } from './guard-writes';
import { isSend, type LaneItem } from './items';
import type { Waiting } from './lane';
import { loadMutes } from './mutes';
import {
  cachedSendState,
  findReplays,
  guardIdsOf,
  loadSendState,
  receptionsOf,
  waitUntilDurable,
  type BatchState,
} from './send-state';
import type { SendPlan } from './plan';
import type { ChangeSettled, Committed, GuestReply, SendOutcome } from './send-types';
import { writeSends } from './write-sends';
import { READ } from '../schema/reads';

export type LaneOutcome = SendOutcome | ChangeSettled;
export type LaneWaiting = Waiting<LaneItem, LaneOutcome>;

/** After a commit that the cache had misled, up to this many batches load everything, so that a process whose guards
 * others write, too, does not try in vain each time. */
const LOADED_BATCHES_MAX = 64;

/** Told of what happens, in the process that made it happen. */
export interface BatchListeners {
  /** The envelopes of a commit. */
  onCommitted: (commit: Committed[]) => void;
  /** What agents wrote to guests in it. */
  onReplies: (replies: GuestReply[]) => void;
  /** What dashboards of owners are told of a commit. */
  onOwnerNotes: (notes: OwnerNote[]) => void;
  /** Every sender of a commit, as it is after it. */
  onSpent: (sender: SenderGuard) => void;
  /** What was loaded, before it is decided on. */
  onLoaded: (items: LaneItem[], state: BatchState) => void;
}

interface Progress {
  conflicts: number;
  /** Items that met another process. */
  again: LaneWaiting[];
}

/** The batches of one lane: load → decide → commit; after a conflict again with those that it concerned. */
export class BatchRunner {
  /** How many batches load after the next misled one, and how many of them are still to come. */
  private distrust = { next: 1, left: 0 };

  constructor(
    private readonly deps: CommitterDeps,
    private readonly cache: GuardCache,
    private readonly listeners: BatchListeners,
  ) {}

  /**
   * Settles the items of `waiting`, but for those that met another process: these are to be tried again after a pause,
   * in which nobody waits behind them. Does not throw.
   */
  async run(waiting: LaneWaiting[]): Promise<{ again: LaneWaiting[]; pause: () => Promise<void> }> {
    const startedMs = performance.now();
    const progress: Progress = { conflicts: 0, again: [] };
    await this.commit(waiting, progress);
    const seconds = (performance.now() - startedMs) / 1000;
    this.deps.observe({ lane: 'send', items: waiting.length, seconds, conflicts: progress.conflicts });
    const { again } = progress;
    return { again, pause: () => pauseBeforeRetry(Math.max(...again.map(({ command }) => command.tries))) };
  }

  /** Commits `waiting` as one batch; after a conflict those that it does not concern, the others not now. */
  private async commit(waiting: LaneWaiting[], progress: Progress): Promise<void> {
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
      if (state !== null) dropGuards(this.cache, items, state);
      await this.retry(waiting, state, progress);
    }
  }

  private async load(items: LaneItem[]): Promise<BatchState> {
    const state = await this.loadGuards(items);
    this.listeners.onLoaded(items, state);
    const mutes = await loadMutes(this.deps.database, receptionsOf(items, state), state.guards);
    return { ...state, mutes };
  }

  /** Sends whose guards this process wrote lately need no load; the commit tells if somebody else wrote since. */
  private async loadGuards(items: LaneItem[]): Promise<BatchState> {
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
  private commitLoaded(waiting: LaneWaiting[], progress: Progress): Promise<void> {
    for (const { command } of waiting) if (isSend(command)) command.tries += 1;
    return this.commit(waiting, progress);
  }

  /** Returns the items, untouched, whose answer needs a fresh state; all others are settled. */
  private async decideAndWrite(waiting: LaneWaiting[], state: BatchState): Promise<LaneWaiting[]> {
    const { clock, limitRate, database } = this.deps;
    const commitId = randomUUID();
    const items = waiting.map(({ command }) => command);
    const options = { now: clock.now(), commitId, limitRate };
    // Decisions add to these two.
    const before = { replays: new Map(state.replays), answered: new Set(state.answered) };
    let plan = decideSends(items, state, options);
    if (isAnyEarlier(plan)) await waitUntilDurable(database, state.seenAt);
    const late = await this.findLateReplays(plan, state);
    if (late.size > 0) {
      const replays = new Map([...before.replays, ...late]);
      state = { ...state, ...before, replays, guards: state.guards.asLoaded() };
      plan = decideSends(items, state, options);
    }
    for (const item of plan.outcomes.keys()) item.commitIds.add(commitId);
    const guards = planGuardWrites(state.guards.changed());
    await writeSends(database, guards, plan);
    this.cache.put([...state.guards.unchanged(), ...guards.after]);
    for (const guard of guards.after) if (isSenderGuard(guard)) this.listeners.onSpent(guard);
    for (const { command, resolve, reject } of waiting) {
      const outcome = plan.outcomes.get(command);
      if (outcome instanceof Error) reject(outcome);
      else if (outcome !== undefined) resolve(outcome);
    }
    if (plan.committed.length > 0) this.listeners.onCommitted(plan.committed);
    if (plan.replies.length > 0) this.listeners.onReplies(plan.replies);
    if (plan.ownerNotes.length > 0) this.listeners.onOwnerNotes(plan.ownerNotes);
    return waiting.filter(({ command }) => !plan.outcomes.has(command));
  }

  /**
   * Originals of items that were refused. Replays are looked up as durable, guards as new as can be: another process may
   * have committed the same send in between, and its effect (a conversation that awaits a reply, a slot that is taken)
   * would refuse the repeat. So a refusal is final only after this second look, which waits for what the guards showed.
   */
  private async findLateReplays(plan: SendPlan, state: BatchState): Promise<BatchState['replays']> {
    const refused = [...plan.outcomes].flatMap(([item, outcome]) => (outcome instanceof Error ? [item] : []));
    return findReplays(this.deps.database, refused, state.seenAt);
  }

  private async retry(waiting: LaneWaiting[], state: BatchState | null, progress: Progress): Promise<void> {
    const alive = this.dropGivenUp(waiting);
    if (alive.length === 0) return;
    const [untouched, touched]: [typeof alive, typeof alive] =
      state === null ? [[], alive] : await this.splitByConflict(alive, state);
    if (untouched.length > 0) await this.commit(untouched, progress);
    progress.again.push(...touched);
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

  /** Which items rest on a guard whose version moved since the load. */
  private async splitByConflict(waiting: LaneWaiting[], state: BatchState): Promise<[LaneWaiting[], LaneWaiting[]]> {
    const ids = new Set(waiting.flatMap(({ command }) => guardIdsOf(command, state)));
    const rows = await this.deps.database.guards
      .find({ _id: { $in: [...ids] } }, { projection: { v: 1 }, ...READ })
      .toArray()
      .catch(() => []);
    const moved = new Set(rows.filter((row) => row.v !== state.guards.version(row._id)).map((row) => row._id));
    const isTouched = ({ command }: LaneWaiting) =>
      moved.size === 0 || guardIdsOf(command, state).some((id) => moved.has(id));
    return [waiting.filter((item) => !isTouched(item)), waiting.filter(isTouched)];
  }

  /** A batch that failed for one item's sake must not fail the others: halves find it. */
  private async fail(waiting: LaneWaiting[], error: unknown, progress: Progress): Promise<void> {
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

/** True when a change is answered that no commit of this batch writes: a failover could still take it back. */
function isAnyEarlier({ outcomes }: SendPlan): boolean {
  return [...outcomes.values()].some((outcome) => 'isEarlier' in outcome && outcome.isEarlier);
}

function dropGuards(cache: GuardCache, items: LaneItem[], state: BatchState): void {
  cache.drop(items.flatMap((item) => guardIdsOf(item, state)));
}
