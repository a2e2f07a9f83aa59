import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { inboxInId, pairId, takesIntents, type InboxInHead, type PairHead } from '../../domain/heads';
import { settle } from '../../domain/reading';
import { envelopesOf, type Envelope, type Message } from '../collections/messages';
import { type Database } from '../database';
import { findParticipation, findReadState, requireParticipation } from '../participation';
import { readThroughSeq } from '../read-through';
import { intentFor } from '../intents/intent';
import { commitReading } from './reading';
import { untilCommitted } from './until-committed';

/** Who reads. */
export interface Reader {
  _id: string;
  handle: string;
}

/** What the sender of messages is told when they were read for the first time (realtime.md §3.2). */
export interface ReadReceipt {
  senderId: string;
  readerHandle: string;
  conversationId: string;
  /** The newest of the messages that were just read. */
  messageId: string;
  seq: number;
  throughSeq: number;
  at: Date;
}

/** Messages that one commit of `markReadThrough` reads; a longer range takes several, each with receipts of its own. */
const READ_ROWS_MAX = 1_000;

/** A receipt as it is committed; how far everything is read is looked up when the sender is told. */
type Told = Omit<ReadReceipt, 'throughSeq'>;

/**
 * Marks exactly one message as read (messaging.md §10.1). The first read wins: a repeat, or a second one at the same
 * time, changes nothing and returns no receipt.
 * @throws AppError MESSAGE_NOT_FOUND when the reader has no envelope of the message
 */
export async function markRead(
  database: Database,
  reader: Reader,
  messageId: string,
  at: Date,
): Promise<{ message: Message; envelope: Envelope; receipts: ReadReceipt[] }> {
  const message = await findMessage(database, messageId);
  const { conversationId, seq } = message;
  return untilCommitted(async () => {
    const participation = await findParticipation(database, reader._id, conversationId);
    const before =
      participation?.state === 'active'
        ? participation.reader
        : await findReadState(database, reader._id, conversationId);
    const joinedSeq = participation?.state === 'active' ? participation.joinedSeq : null;
    const envelope = await database.envelopes.findOne(envelopesOf(reader._id, conversationId, seq), {
      readConcern: { level: 'majority' },
      maxTimeMS: 5_000,
    });
    if (envelope === null) throw new AppError('MESSAGE_NOT_FOUND');
    if (envelope.status === 'read') return { message, envelope, receipts: [] };
    const rows = [envelope];
    const after = settle(before, joinedSeq, rows);
    const told = await commitRead(database, reader, { before, after, rows, kind: 'read', at });
    const read = { ...envelope, status: 'read' as const, readAt: at, deliveredAt: envelope.deliveredAt ?? at };
    return { message, envelope: read, receipts: await withThroughSeq(database, reader, told) };
  });
}

/**
 * Marks everything up to `throughSeq` that the reader received in the conversation as read (the frame
 * `message.read_ack`). Monotone and cheap to repeat: what is read already is not looked at. Dies in the middle: a
 * prefix is read, and a repeat does the rest.
 * @returns one receipt per sender for each `READ_ROWS_MAX` messages, so for all but huge ranges one per sender
 * @throws AppError CONVERSATION_NOT_FOUND or GROUP_DELETED when the reader is not in the conversation now
 */
export async function markReadThrough(
  database: Database,
  reader: Reader,
  { conversationId, throughSeq }: { conversationId: string; throughSeq: number },
  at: Date,
): Promise<ReadReceipt[]> {
  const receipts: ReadReceipt[] = [];
  for (;;) {
    const step = await untilCommitted(async () => {
      const { reader: before, joinedSeq } = await requireParticipation(database, reader._id, conversationId);
      const rows = await findUnreadThrough(database, reader, conversationId, throughSeq);
      if (rows.length === 0) return { told: [], isLast: true };
      const after = settle(before, joinedSeq, rows);
      const told = await commitRead(database, reader, { before, after, rows, kind: 'read', at });
      return { told, isLast: rows.length < READ_ROWS_MAX };
    });
    receipts.push(...(await withThroughSeq(database, reader, step.told)));
    if (step.isLast) return receipts;
  }
}

/** @throws AppError MESSAGE_NOT_FOUND */
export async function findMessage(database: Database, messageId: string): Promise<Message> {
  const message = await database.messages.findOne(
    { _id: messageId },
    { readConcern: { level: 'majority' }, maxTimeMS: 5_000 },
  );
  if (message === null) throw new AppError('MESSAGE_NOT_FOUND');
  return message;
}

function findUnreadThrough(
  database: Database,
  { _id: recipientId }: Reader,
  conversationId: string,
  throughSeq: number,
): Promise<Envelope[]> {
  return database.envelopes
    .find(
      { recipientId, conversationId, unread: { $in: ['shown', 'hidden'] }, seq: { $lte: throughSeq } },
      {
        readConcern: { level: 'majority' },
        maxTimeMS: 5_000,
        sort: { seq: 1 },
        limit: READ_ROWS_MAX,
        hint: 'recipient_conversation',
      },
    )
    .toArray();
}

/** Trips: reader's state, backlog counter when something was stored, envelopes, facts about senders, outbox, commit. */
async function commitRead(
  database: Database,
  reader: Reader,
  reading: Parameters<typeof commitReading>[1],
): Promise<Told[]> {
  let told: Told[] = [];
  await commitReading(database, reading, async (session) => {
    const all = newestPerSender(reader, reading.rows, reading.at);
    told = await announce(database, reader, all, session);
  });
  return told;
}

function newestPerSender(reader: Reader, rows: Envelope[], at: Date): Told[] {
  const newest = new Map<string, Envelope>();
  for (const row of rows) {
    const known = newest.get(row.senderId);
    if (known === undefined || known.seq < row.seq) newest.set(row.senderId, row);
  }
  return [...newest.values()].map(({ senderId, conversationId, messageId, seq }) => ({
    senderId,
    readerHandle: reader.handle,
    conversationId,
    messageId,
    seq,
    at,
  }));
}

/**
 * Leaves out senders who must not learn of it (deleted, or blocked in either direction) and writes the outbox rows of
 * those with webhooks who are neither fully paused nor suspended. All of it as of this commit.
 */
async function announce(database: Database, reader: Reader, all: Told[], session: ClientSession): Promise<Told[]> {
  const senderIds = all.map(({ senderId }) => senderId);
  const ids = senderIds.flatMap((id) => [inboxInId(id), pairId(reader._id, id)]);
  const rows = await database.heads.find({ _id: { $in: ids } }, { session, maxTimeMS: 5_000 }).toArray();
  const heads = new Map(rows.map((head) => [head._id, head]));
  // A head's kind stands in its _id: these are the parse points of the union.
  const inboxOf = (id: string) => heads.get(inboxInId(id)) as InboxInHead | undefined;
  const pairWith = (id: string) => heads.get(pairId(reader._id, id)) as PairHead | undefined;
  const told = all.filter(
    ({ senderId }) => inboxOf(senderId)?.status !== 'deleted' && (pairWith(senderId)?.blockedBy ?? []).length === 0,
  );
  const intents = told.flatMap(({ senderId, at, seq, messageId, conversationId }) => {
    const inbox = inboxOf(senderId);
    if (inbox === undefined || !takesIntents(inbox)) return [];
    const read = { readerId: reader._id, conversationId, messageId, seq };
    return [{ ...intentFor(inbox, at), kind: 'message.read' as const, ...read }];
  });
  if (intents.length > 0) await database.outbox.insertMany(intents, { session });
  return told;
}

/** Looked up after the commit, so that it is as far as can be said when the sender is told. */
function withThroughSeq(database: Database, reader: Reader, told: Told[]): Promise<ReadReceipt[]> {
  return Promise.all(
    told.map(async (receipt) => {
      const { senderId, conversationId } = receipt;
      return {
        ...receipt,
        throughSeq: await readThroughSeq(database, { readerId: reader._id, senderId, conversationId }),
      };
    }),
  );
}
