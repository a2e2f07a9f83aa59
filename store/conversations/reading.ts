import type { ClientSession } from 'mongodb';
import { recordMoves } from '../inbox/backlog';
import { WriteConflict } from '../schema/conflicts';
import type { Envelope } from '../schema/collections/messages';
import type { ReadState } from '../schema/collections/read-states';
import { TRANSACTION, type Database } from '../schema/database';
import { inTurnOfCaller, proveCaller, type Caller } from '../schema/prove-caller';

/** Envelopes of one recipient in one conversation that are read or hidden together. */
export interface Reading {
  /** As it was loaded, before the rows were. */
  before: ReadState;
  after: ReadState;
  rows: Envelope[];
  kind: 'read' | 'hide';
  at: Date;
  /** The recipient with the key of its call, which the commit proves; absent = it is no call of an agent. */
  caller?: Caller | undefined;
}

/**
 * Commits a reading: the reader's state (guards against other reads and hides), the envelopes (each still in the status
 * that was loaded, which guards against acks), then what `also` adds. Dies before the commit: nothing happened; after it:
 * all of it, and a repeat finds nothing left to do.
 * @throws WriteConflict or a driver error; load and try again when `isRetryable` says so. AppError UNAUTHORIZED, SUSPENDED
 */
export async function commitReading(
  database: Database,
  reading: Reading,
  also: (session: ClientSession) => Promise<void>,
): Promise<void> {
  const { caller } = reading;
  const commit = () => commitOnce(database, reading, also);
  await (caller === undefined ? commit() : inTurnOfCaller(database, caller, commit));
  await recordLeaving(database, reading.rows);
}

async function commitOnce(
  database: Database,
  reading: Reading,
  also: (session: ClientSession) => Promise<void>,
): Promise<void> {
  const session = database.client.startSession();
  try {
    session.startTransaction(TRANSACTION);
    await writeState(database, reading, session);
    await writeEnvelopes(database, reading, session);
    await also(session);
    if (reading.caller !== undefined) await proveCaller(database, reading.caller, session);
    await session.commitTransaction();
  } catch (error) {
    if (session.inTransaction()) await session.abortTransaction().catch(() => undefined);
    throw error;
  } finally {
    await session.endSession();
  }
}

async function writeState(database: Database, { before, after }: Reading, session: ClientSession): Promise<void> {
  const { _id, v: _v, ...fields } = after;
  if (before.v === 0) {
    await database.readStates.insertOne({ _id, v: 1, ...fields }, { session });
    return;
  }
  const { matchedCount } = await database.readStates.updateOne(
    { _id, v: before.v },
    { $set: fields, $inc: { v: 1 } },
    { session },
  );
  if (matchedCount === 0) throw new WriteConflict();
}

/** After the commit, since what counts the backlog meanwhile must have marked the inbox before it read these rows. */
async function recordLeaving(database: Database, rows: Envelope[]): Promise<void> {
  const recipientIds = rows.filter(({ status }) => status === 'stored').map(({ recipientId }) => recipientId);
  if (recipientIds.length > 0) await recordMoves(database, [...new Set(recipientIds)]);
}

async function writeEnvelopes(database: Database, { rows, kind, at }: Reading, session: ClientSession): Promise<void> {
  for (const status of new Set(rows.map((row) => row.status))) {
    const ids = rows.filter((row) => row.status === status).map(({ _id }) => _id);
    const arrives = status === 'stored' || (kind === 'read' && status === 'expired');
    const $set = {
      ...(arrives ? { deliveredAt: at } : {}),
      ...(kind === 'read' ? { status: 'read' as const, readAt: at } : {}),
      ...(kind === 'hide' && status === 'stored' ? { status: 'delivered' as const } : {}),
      ...(kind === 'hide' && status !== 'read' ? { unread: 'hidden' as const } : {}),
    };
    if (Object.keys($set).length === 0) continue;
    const { matchedCount } = await database.envelopes.updateMany(
      { _id: { $in: ids }, status },
      { $set, ...(kind === 'read' ? { $unset: { unread: true } } : {}) },
      { session },
    );
    if (matchedCount !== ids.length) throw new WriteConflict();
  }
}
