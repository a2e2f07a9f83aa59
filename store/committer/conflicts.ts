import { MongoError } from 'mongodb';
import { AppError } from '../../contract/errors';

/** Somebody else wrote a document between our load and our write: load, decide and write again. */
export class WriteConflict extends Error {
  constructor() {
    super('a guarding document changed between load and write');
    this.name = 'WriteConflict';
  }
}

/**
 * True when trying again from the load can succeed: our own version check, the server's write conflict, a duplicate
 * key (somebody wrote the same replay, pair or position first), or a commit whose answer was lost.
 */
export function isRetryable(error: unknown): boolean {
  if (error instanceof WriteConflict) return true;
  if (!(error instanceof MongoError)) return false;
  return (
    error.code === 11000 ||
    error.hasErrorLabel('TransientTransactionError') ||
    error.hasErrorLabel('UnknownTransactionCommitResult')
  );
}

/** Tries of one item until it gives up; with the pauses below about two seconds. */
export const TRIES_MAX = 40;

/** A random pause that grows with the tries, so that two processes that collide do not do so again in step. */
export function pauseBeforeRetry(tries: number): Promise<void> {
  const ceilingMs = Math.min(100, 2 ** Math.min(tries, 7));
  return new Promise((resolve) => setTimeout(resolve, Math.random() * ceilingMs));
}

/** What a caller gets whose item failed alone and repeatedly: a 500 that is safe to repeat. */
export function givenUp(): AppError {
  return new AppError('INTERNAL_ERROR');
}
