import { randomUUID } from 'node:crypto';
import { isSenderHead, type SenderHead } from '../../domain/heads';
import type { OwnerNote } from '../../platform/bus';
import { isOutage } from '../outage';
import type { CommitterDeps } from './committer';
import { givenUp, isRetryable, pauseBeforeRetry, TRIES_MAX } from './conflicts';
import { decideSends } from './decide-sends';
import type { HeadCache } from './head-cache';
import { planHeadWrites } from './head-writes';
import type { LaneItem } from './items';
import type { Waiting } from './lane';
import { loadMutes } from './mutes';
import { cachedSendState, headIdsOf, loadSendState, receptionsOf, type BatchState } from './send-state';
import type { ChangeSettled, Committed, SendOutcome } from './send-types';
import { writeSends } from './write-sends';

export type LaneOutcome = SendOutcome | ChangeSettled;
export type LaneWaiting = Waiting<LaneItem, LaneOutcome>;

/** After a commit that the cache had misled, up to this many batches load everything, so that a process whose heads
 * others write, too, does not try in vain each time. */
const LOADED_BATCHES_MAX = 64;

/** Told of what happens, in the process that made it happen. */
export interface BatchListeners {
  /** The envelopes of a commit. */
  onCommitted: (commit: Committed[]) => void;
  /** What dashboards of owners are told of a commit. */
  onWatched: (notes: OwnerNote[]) => void;
  /** Every sender of a commit, as it is after it. */
  onSpent: (sender: SenderHead) => void;
  /** What was loaded, before it is decided on. */
  onLoaded: (items: LaneItem[], state: BatchState) => void;
}

/** The batches of one lane: load → decide → commit; after a conflict again with those that it concerned. */
export class BatchRunner {
  /** How many batches load after the next misled one, and how many of them are still to come. */
  private distrust = { next: 1, left: 0 };

  constructor(
    private readonly deps: CommitterDeps,
    private readonly cache: HeadCache,
    private readonly listeners: BatchListeners,
  ) {}

  /** Settles every item of `waiting`; does not throw. */
  async run(waiting: LaneWaiting[]): Promise<void> {
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
    this.listeners.onLoaded(items, state);
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
    const heads = planHeadWrites(state.heads.changed());
    await writeSends(database, heads, plan);
    this.cache.put([...state.heads.unchanged(), ...heads.after]);
    for (const head of heads.after) if (isSenderHead(head)) this.listeners.onSpent(head);
    for (const { command, resolve, reject } of waiting) {
      const outcome = plan.outcomes.get(command);
      if (outcome instanceof Error) reject(outcome);
      else if (outcome !== undefined) resolve(outcome);
    }
    if (plan.committed.length > 0) this.listeners.onCommitted(plan.committed);
    if (plan.watched.length > 0) this.listeners.onWatched(plan.watched);
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
