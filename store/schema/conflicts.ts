import { setTimeout as sleep } from 'node:timers/promises';
import { MongoError, MongoServerError } from 'mongodb';
import { AppError } from '../../contract/errors';
import { retry } from '../../platform/retry';

/** Somebody else wrote a document between our load and our write: load, decide and write again. */
export class WriteConflict extends Error {
  constructor() {
    super('a document changed between load and write');
    this.name = 'WriteConflict';
  }
}

/** By which the server says that a unique index refused a write. */
const DUPLICATE_KEY = 11000;

/**
 * True when a unique index refused the write. With `fields`, only the index over exactly these. The server names them
 * for a command of one write, not for one of several: look for an index only after an insert, update or delete of one.
 */
export function isDuplicateKey(error: unknown, fields?: string[]): boolean {
  if (!(error instanceof MongoError) || error.code !== DUPLICATE_KEY) return false;
  if (fields === undefined) return true;
  if (!(error instanceof MongoServerError)) return false;
  // The driver types what the server says of an error as any: this is its parse point.
  const keyPattern = error['keyPattern'] as Record<string, unknown> | undefined;
  return keyPattern !== undefined && Object.keys(keyPattern).join() === fields.join();
}

/**
 * True when trying again from the load can succeed: our own version check, the server's write conflict, a duplicate
 * key (somebody wrote the same replay, pair or position first), or a commit whose answer was lost.
 */
export function isRetryable(error: unknown): boolean {
  if (error instanceof WriteConflict) return true;
  if (!(error instanceof MongoError)) return false;
  return (
    error.code === DUPLICATE_KEY ||
    error.hasErrorLabel('TransientTransactionError') ||
    error.hasErrorLabel('UnknownTransactionCommitResult')
  );
}

/** Tries of one item until it gives up; with the pauses below about two seconds. */
export const TRIES_MAX = 40;

/** A random time that grows with the tries, so that two processes that collide do not do so again in step. */
const pauseMs = (tries: number): number => Math.random() * Math.min(100, 2 ** Math.min(tries, 7));

export const pauseBeforeRetry = (tries: number): Promise<void> => sleep(pauseMs(tries));

/** What a caller gets whose item failed alone and repeatedly: a 500 that is safe to repeat. */
export function givenUp(): AppError {
  return new AppError('INTERNAL_ERROR');
}

/**
 * Runs `attempt`, which loads, decides and commits, until nobody else wrote in between. A commit whose answer was lost
 * is attempted again, too: so an attempt that finds its effect there already must say so and change nothing.
 */
export function untilCommitted<T>(attempt: () => Promise<T>): Promise<T> {
  return retry(attempt, { triesMax: TRIES_MAX, isWorthIt: isRetryable, pauseMs }).catch((error: unknown) => {
    throw isRetryable(error) ? givenUp() : error;
  });
}

/** Tries of a first write; the second one finds the row already. */
const FIRST_WRITES_MAX = 4;

/**
 * Runs `attempt`, which makes a row unless it is there. Two that make the same one at once collide on the unique index
 * (over `fields`, or any): the loser runs again and finds the winner's.
 */
export function makeOrFind<T>(attempt: () => Promise<T>, fields?: string[]): Promise<T> {
  return retry(attempt, { triesMax: FIRST_WRITES_MAX, isWorthIt: (error) => isDuplicateKey(error, fields) });
}
