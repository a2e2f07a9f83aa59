import type { Logger } from '../../platform/logger';
import { repeat } from '../../platform/repeat';
import type { Database } from './database';
import { DatabaseTimeout, within } from './deadline';

/** How old the last answer may be until the database is asked for one; renewals of the lease bring three a second. */
const ANSWER_MS_MAX = 1_000;
const CHECK_MS = 500;
/**
 * Pings in a row that fail, after at most a second each, until the database counts as out of reach: at most 4.5 s after
 * its last answer, so that its callers have theirs within five. A shorter hiccup only makes calls slow.
 */
const FAILURES_MAX = 3;

/** Whether the database answers this process. */
export interface Reach {
  /** Called by whoever had an answer anyway: then nothing more is asked. */
  noteAnswer(): void;
  isLost(): boolean;
  /**
   * The outcome of `work`, or a DatabaseTimeout as soon as the database is out of reach; `work` then goes on without
   * anybody who waits for it.
   */
  whileThere<T>(work: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** @param deps.database with connections of its own: a ping must not wait behind a flood of other calls */
export function watchReach(deps: { database: Database; log: Logger }): Reach {
  const waiting = new Set<() => void>();
  let answeredAtMs = performance.now();
  let failures = 0;
  const noteAnswer = (): void => {
    if (failures >= FAILURES_MAX) deps.log.info({ event: 'database.found' });
    failures = 0;
    answeredAtMs = performance.now();
  };
  const noteFailure = (): void => {
    failures += 1;
    if (failures !== FAILURES_MAX) return;
    deps.log.error({ event: 'database.lost', calls: waiting.size });
    for (const giveUp of waiting) giveUp();
  };
  const check = async (): Promise<boolean> => {
    if (performance.now() - answeredAtMs < ANSWER_MS_MAX) return false;
    await within(ANSWER_MS_MAX, deps.database.db.command({ ping: 1 })).then(noteAnswer, noteFailure);
    return failures > 0 && failures < FAILURES_MAX;
  };
  const checking = repeat(check, { everyMs: CHECK_MS });
  return {
    noteAnswer,
    isLost: () => failures >= FAILURES_MAX,
    whileThere: (work) =>
      new Promise((resolve, reject) => {
        const giveUp = (): void => reject(new DatabaseTimeout(FAILURES_MAX * ANSWER_MS_MAX));
        waiting.add(giveUp);
        work.then(resolve, reject).finally(() => waiting.delete(giveUp));
      }),
    close: () => checking.stop(),
  };
}
