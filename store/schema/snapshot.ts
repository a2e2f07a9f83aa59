import { MongoServerError, type ClientSession } from 'mongodb';
import { retry } from '../../platform/retry';
import type { Database } from './database';

/** By which the server says that it does not keep the state any more that the first read of a snapshot showed. */
const SNAPSHOT_TOO_OLD = 239;
const SNAPSHOT_UNAVAILABLE = 246;

/** A server that was frozen between two reads needs one more; a second one is for a server that is slow as well. */
const TRIES_MAX = 3;

/**
 * Runs `work`, which only reads, with all its reads showing one state of the database. The server keeps a state for a
 * limited time: when it expires between two reads, `work` runs again from its first read, on a newer one.
 */
export function inSnapshot<T>(database: Database, work: (session: ClientSession) => Promise<T>): Promise<T> {
  return retry(() => database.client.withSession({ snapshot: true }, work), {
    triesMax: TRIES_MAX,
    isWorthIt: isSnapshotGone,
  });
}

/** True when a read failed because its snapshot has expired: it says nothing about what was read. */
export function isSnapshotGone(error: unknown): boolean {
  return error instanceof MongoServerError && (error.code === SNAPSHOT_TOO_OLD || error.code === SNAPSHOT_UNAVAILABLE);
}
