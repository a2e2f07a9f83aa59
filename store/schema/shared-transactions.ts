import { MongoError, type ClientSession } from 'mongodb';
import { DatabaseTimeout } from './deadline';
import { isOutage } from './outage';

/** Runs a piece of work in a transaction that it may share with others of the same key; its outcome is the call's. */
export type InSharedTransaction = <T>(key: string, work: (session: ClientSession) => Promise<T>) => Promise<T>;

/** Pieces of work of one transaction. As many as lanes of one agent's turns are usual; a longer one conflicts more. */
const SHARED_MAX = 16;

/** Whoever waits longer is told so: what stands before it hangs, or is too much. Nothing was done for it. */
const WAITING_MS_MAX = 15_000;

interface Waiting {
  work: (session: ClientSession) => Promise<unknown>;
  resolve: (outcome: unknown) => void;
  reject: (error: unknown) => void;
  timer: NodeJS.Timeout;
}

/**
 * Writers of one document in this process, one transaction after another: what is asked for while one of them commits
 * shares the next one, so that many at once cost few commits. To each it is as if it had a transaction of its own: it is
 * repeated on conflicts, sees what those before it have written, and all of one transaction is durable at once. Where one
 * of them refuses (throws anything that a repeat would not mend) the others must not suffer: all are run alone then.
 *
 * Dies before the commit: nothing of any of them is there. A commit whose outcome is unknown is unknown to each.
 * @param commit runs work in one transaction, again on conflicts
 */
export function createInSharedTransaction(
  commit: (work: (session: ClientSession) => Promise<unknown[]>) => Promise<unknown[]>,
): InSharedTransaction {
  /** By key; a key is there while something of it runs. */
  const lanes = new Map<string, Waiting[]>();

  async function run(batch: Waiting[]): Promise<void> {
    let isRefused = false;
    try {
      const outcomes = await commit(async (session) => {
        const results: unknown[] = [];
        for (const { work } of batch) {
          results.push(
            await work(session).catch((error: unknown) => {
              isRefused = !isConflict(error) && !isOutage(error);
              throw error;
            }),
          );
        }
        return results;
      });
      batch.forEach(({ resolve }, index) => resolve(outcomes[index]));
    } catch (error) {
      if (batch.length === 1 || !isRefused) return batch.forEach(({ reject }) => reject(error));
      for (const one of batch) await run([one]);
    }
  }

  async function drain(key: string, waiting: Waiting[]): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, SHARED_MAX);
      for (const { timer } of batch) clearTimeout(timer);
      await run(batch);
    }
    lanes.delete(key);
  }

  return <T>(key: string, work: (session: ClientSession) => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const known = lanes.get(key);
      const waiting = known ?? [];
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(one), 1);
        reject(new DatabaseTimeout(WAITING_MS_MAX));
      }, WAITING_MS_MAX);
      // The outcome is that of this work: the one place where the lane's type is narrowed to the caller's.
      const one: Waiting = { work, resolve: resolve as (outcome: unknown) => void, reject, timer };
      waiting.push(one);
      if (known !== undefined) return;
      lanes.set(key, waiting);
      void drain(key, waiting);
    });
}

/** The driver runs the whole transaction again. */
const isConflict = (error: unknown): boolean =>
  error instanceof MongoError && error.hasErrorLabel('TransientTransactionError');
