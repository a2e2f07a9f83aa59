import { MongoClient, type ClientSession, type Db, type TransactionOptions } from 'mongodb';
import { DatabaseTimeout, within } from './deadline';
import { COLLECTIONS, type Collections } from './registry';
import { createInSharedTransaction, type InSharedTransaction } from './shared-transactions';
import { createInTurnOf, type InTurnOf } from './turns';
import { mendWriteCommand } from './write-command';

/** The typed collections of one database. */
export interface Database extends Collections {
  client: MongoClient;
  db: Db;
  /** Writers of one document in this process, one after another: the key is the document's id. */
  inTurnOf: InTurnOf;
  /** As `withTransaction`, for what is asked for so often of one document that each commit must take several. */
  inSharedTransaction: InSharedTransaction;
}

export interface DatabaseOptions {
  uri: string;
  name: string;
  /** Connections of the pool; docs/operations.md says where the default comes from. */
  poolSize?: number;
  /** How long a call waits for a reachable primary before it fails; calls then answer 503. */
  serverSelectionTimeoutMs?: number;
  /**
   * How long the server may be silent on a connection that a call waits for; then the connection is closed and the call
   * fails, or is tried again on another one. Absent = for ever: the build of an index is silent for long.
   */
  silenceMsMax?: number;
}

/** Longer than any call may take on the server (`READ`, `WRITE`): what is silent for so long has lost its other end. */
export const SERVING_SILENCE_MS_MAX = 6_000;

/**
 * Opens the database. Writes are majority and journaled for every call of this client, reads go to the primary.
 * Does not wait for the server: the first call does.
 */
export function openDatabase(options: DatabaseOptions): Database {
  mendWriteCommand();
  const client = new MongoClient(options.uri, {
    maxPoolSize: options.poolSize ?? 32,
    serverSelectionTimeoutMS: options.serverSelectionTimeoutMs ?? 5_000,
    // A server that hangs is given up after the two together, and every call that waits for it fails.
    connectTimeoutMS: 5_000,
    heartbeatFrequencyMS: 5_000,
    socketTimeoutMS: options.silenceMsMax ?? 0,
    writeConcern: { w: 'majority', journal: true },
    retryWrites: true,
    ignoreUndefined: true,
  });
  const db = client.db(options.name);
  const opened = Object.keys(COLLECTIONS).map((name) => [name, db.collection(name)]);
  // The parse point of the registry: its keys are the names, its specs carry the types.
  const collections = Object.fromEntries(opened) as Collections;
  const inSharedTransaction = createInSharedTransaction((work) => runTransaction(client, work));
  return { client, db, inTurnOf: createInTurnOf(), inSharedTransaction, ...collections };
}

/** Snapshot reads, majority and journaled commit. */
export const TRANSACTION: TransactionOptions = {
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority', journal: true },
  maxCommitTimeMS: 10_000,
};

/** The driver itself would try for two minutes. */
const TRANSACTION_MS_MAX = 15_000;

/**
 * Runs `work` in one transaction and commits it. The driver repeats `work` on transient conflicts, so it must have no
 * effect outside the session and must run its operations one after another.
 * @throws DatabaseTimeout after 15 s: nothing is tried again from then on, but a commit under way may still succeed
 */
export function withTransaction<T>(database: Database, work: (session: ClientSession) => Promise<T>): Promise<T> {
  return runTransaction(database.client, work);
}

async function runTransaction<T>(client: MongoClient, work: (session: ClientSession) => Promise<T>): Promise<T> {
  const endMs = performance.now() + TRANSACTION_MS_MAX;
  const attempt = async (session: ClientSession): Promise<T> => {
    if (performance.now() > endMs) throw new DatabaseTimeout(TRANSACTION_MS_MAX);
    return work(session);
  };
  const running = client.withSession((session) => session.withTransaction(() => attempt(session), TRANSACTION));
  return within(TRANSACTION_MS_MAX, running);
}

/**
 * As `withTransaction`, for work that writes the document `id`: in turns with all other such work of this process. What
 * many do at once to one document then takes its number of commits, not its square, and none runs out of time.
 * @throws DatabaseTimeout also when the turn does not come within 15 s; then nothing was done
 */
export function withTransactionOn<T>(
  database: Database,
  id: string,
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  return database.inTurnOf(id, () => withTransaction(database, work));
}
