import type { ClientSession, Collection } from 'mongodb';
import { ID_PREFIX } from '../../contract/ids';
import { inboxInId, inboxOutId, type InboxInHead, type InboxOutHead } from '../../domain/heads';
import { WriteConflict } from '../committer/conflicts';
import type { Envelope } from '../collections/messages';
import type { ReadState } from '../collections/read-states';
import { TRANSACTION, type Database } from '../database';

/** Envelopes of one recipient in one conversation that are read or hidden together. */
export interface Reading {
  /** As it was loaded, before the rows were. */
  before: ReadState;
  after: ReadState;
  rows: Envelope[];
  kind: 'read' | 'hide';
  at: Date;
}

/**
 * Commits a reading: the reader's state (guards against other reads and hides), the backlog counter (guards against
 * acks), the envelopes, then what `also` adds. Dies before the commit: nothing happened; after it: all of it, and a
 * repeat finds nothing left to do.
 * @throws WriteConflict or a driver error; load and try again when `isRetryable` says so
 */
export async function commitReading(
  database: Database,
  reading: Reading,
  also: (session: ClientSession) => Promise<void>,
): Promise<void> {
  const session = database.client.startSession();
  try {
    session.startTransaction(TRANSACTION);
    await writeState(database, reading, session);
    await dequeue(database, reading, session);
    await writeEnvelopes(database, reading, session);
    await also(session);
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

/** Without an expected version: which rows left `stored` is proved by the envelopes themselves. */
async function dequeue(database: Database, { rows }: Reading, session: ClientSession): Promise<void> {
  const recipientId = rows[0]?.recipientId;
  const stored = rows.filter(({ status }) => status === 'stored');
  if (recipientId === undefined || stored.length === 0) return;
  const left = stored.length - (await countedOut(database, recipientId, stored, session));
  // A head's kind stands in its _id: this is the parse point of the union.
  const inboxes = database.heads as unknown as Collection<InboxOutHead>;
  await inboxes.updateOne(
    { _id: inboxOutId(recipientId) },
    { $inc: { dequeued: left, v: 1 } },
    { upsert: true, session },
  );
}

/**
 * How many of these rows left the counter already, because the recipient lost them with a group, while they still say
 * `stored`. As of this transaction: whoever counts them out writes the reading end of the inbox too.
 */
async function countedOut(
  database: Database,
  recipientId: string,
  stored: Envelope[],
  session: ClientSession,
): Promise<number> {
  if (!stored.some(({ conversationId }) => conversationId.startsWith(ID_PREFIX.group))) return 0;
  const inbox = await database.heads.findOne<InboxInHead>(
    { _id: inboxInId(recipientId) },
    { projection: { flushing: 1 }, session },
  );
  const counted = (inbox?.flushing ?? []).filter(({ isCounted }) => isCounted);
  return stored.filter(({ conversationId, position }) =>
    counted.some((entry) => entry.conversationId === conversationId && position < entry.beforePosition),
  ).length;
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
