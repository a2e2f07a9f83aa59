import { setImmediate } from 'node:timers/promises';
import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { inboxInId, pairId, takesIntents, type InboxInGuard, type PairGuard } from '../../domain/guards';
import { settle } from '../../domain/reading';
import { envelopesOf, type Envelope, type Message } from '../schema/collections/messages';
import { readStateId } from '../schema/collections/read-states';
import type { Caller } from '../schema/prove-caller';
import { type Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { findParticipation, findReadState, requireParticipation } from './participation';
import { readThroughSeq } from './read-through';
import { intentFor } from '../outbox/intent';
import { commitReading } from './reading';
import { untilCommitted } from '../schema/conflicts';

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

/** Reads of one reader in one conversation that one commit takes; a hundred are read in the time of a few. */
const MERGED_MAX = 100;

/** Messages of one conversation that their reader marks one by one, at nearly the same time. */
interface Batch {
  seqs: number[];
  /** The time of the newest call: nothing is read before it was sent. */
  at: Date;
  /** The same for all of them. */
  caller: Caller | undefined;
  outcome: Promise<ReadTogether>;
}

type Beginning = Pick<Batch, 'at' | 'caller'> & { conversationId: string };

interface ReadTogether {
  /** What the reader received of `seqs`, as it is now. */
  envelopes: Map<number, Envelope>;
  /** By the seq of the message; each is for one caller. */
  receipts: Map<number, ReadReceipt>;
}

/** Marks exactly one message as read; see `createMarkRead`. */
export type MarkRead = (
  reader: Reader,
  messageId: string,
  at: Date,
  caller?: Caller,
) => Promise<{ message: Message; envelope: Envelope; receipts: ReadReceipt[] }>;

/**
 * Marks exactly one message as read (messaging.md §10.1). The first read wins: a repeat, or a second one at the same
 * time, changes nothing and returns no receipt. Calls of one reader in one conversation take turns, and those that wait
 * for the same turn are one commit: it dies with nothing read or all, and callers without an answer repeat theirs. With a
 * `caller` the commit proves that the reader's key is the one of its call; calls with different keys share none.
 *
 * The call that it makes throws AppError MESSAGE_NOT_FOUND when the reader has no envelope of the message.
 */
export function createMarkRead(database: Database): MarkRead {
  /** Those that still take in reads, by the read state that they write. */
  const open = new Map<string, Batch>();

  const begin = (key: string, reader: Reader, { conversationId, at, caller }: Beginning): Batch => {
    const batch: Omit<Batch, 'outcome'> = { seqs: [], at, caller };
    const close = () => open.get(key) === batch && open.delete(key);
    const reading = database.inTurnOf(readStateId(reader._id, conversationId), async () => {
      // The calls that were read from their sockets together with the first are in it, too.
      await setImmediate();
      close();
      return untilCommitted(() => readTogether(database, reader, { conversationId, ...batch }));
    });
    const outcome = reading.finally(close).then(async ({ envelopes, told }) => {
      const receipts = await withThroughSeq(database, reader, told);
      return { envelopes, receipts: new Map(receipts.map((receipt) => [receipt.seq, receipt])) };
    });
    return Object.assign(batch, { outcome });
  };

  return async (reader, messageId, at, caller) => {
    const message = await findMessage(database, messageId);
    const { conversationId, seq } = message;
    const key = `${readStateId(reader._id, conversationId)}:${caller?.keyVersion ?? ''}`;
    const batch = open.get(key) ?? begin(key, reader, { conversationId, at, caller });
    batch.seqs.push(seq);
    if (batch.at < at) batch.at = at;
    if (batch.seqs.length < MERGED_MAX) open.set(key, batch);
    else open.delete(key);
    const { envelopes, receipts } = await batch.outcome;
    const envelope = envelopes.get(seq);
    if (envelope === undefined) throw new AppError('MESSAGE_NOT_FOUND');
    const receipt = receipts.get(seq);
    // Of several that read the same message, the first one tells the sender.
    receipts.delete(seq);
    return { message, envelope, receipts: receipt === undefined ? [] : [receipt] };
  };
}

/** One attempt: what of `seqs` is there and not read yet is read in one commit, and each told of by itself. */
async function readTogether(
  database: Database,
  reader: Reader,
  { conversationId, seqs, at, caller }: Omit<Batch, 'outcome'> & { conversationId: string },
): Promise<{ envelopes: Map<number, Envelope>; told: Told[] }> {
  const participation = await findParticipation(database, reader._id, conversationId);
  const isActive = participation?.state === 'active';
  const before = isActive ? participation.reader : await findReadState(database, reader._id, conversationId);
  const found = await database.envelopes
    .find(envelopesOf(reader._id, conversationId, { $in: seqs }), { ...SAFE_READ, limit: MERGED_MAX })
    .toArray();
  const envelopes = new Map(found.map((envelope) => [envelope.seq, envelope]));
  const rows = found.filter(({ status }) => status !== 'read');
  if (rows.length === 0) return { envelopes, told: [] };
  const after = settle(before, isActive ? participation.joinedSeq : null, rows);
  const told = await commitRead(database, reader, { before, after, rows, kind: 'read', at, caller }, rows);
  for (const row of rows)
    envelopes.set(row.seq, { ...row, status: 'read', readAt: at, deliveredAt: row.deliveredAt ?? at });
  return { envelopes, told };
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
    const attempt = async () => {
      const { reader: before, joinedSeq } = await requireParticipation(database, reader._id, conversationId);
      const rows = await findUnreadThrough(database, reader, conversationId, throughSeq);
      if (rows.length === 0) return { told: [], isLast: true };
      const after = settle(before, joinedSeq, rows);
      const told = await commitRead(database, reader, { before, after, rows, kind: 'read', at }, newestPerSender(rows));
      return { told, isLast: rows.length < READ_ROWS_MAX };
    };
    const step = await database.inTurnOf(readStateId(reader._id, conversationId), () => untilCommitted(attempt));
    receipts.push(...(await withThroughSeq(database, reader, step.told)));
    if (step.isLast) return receipts;
  }
}

/** @throws AppError MESSAGE_NOT_FOUND */
export async function findMessage(database: Database, messageId: string): Promise<Message> {
  const message = await database.messages.findOne({ _id: messageId }, SAFE_READ);
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
        ...SAFE_READ,
        sort: { seq: 1 },
        limit: READ_ROWS_MAX,
        hint: 'recipient_conversation',
      },
    )
    .toArray();
}

/**
 * Trips: reader's state, backlog counter when something was stored, envelopes, facts about senders, outbox, commit.
 * @param newest of the rows: those that senders are told of
 */
async function commitRead(
  database: Database,
  { _id, handle }: Reader,
  reading: Parameters<typeof commitReading>[1],
  newest: Envelope[],
): Promise<Told[]> {
  const all = newest.map(({ senderId, conversationId, messageId, seq }) => ({
    senderId,
    readerHandle: handle,
    conversationId,
    messageId,
    seq,
    at: reading.at,
  }));
  let told: Told[] = [];
  await commitReading(database, reading, async (session) => {
    told = await announce(database, _id, all, session);
  });
  return told;
}

function newestPerSender(rows: Envelope[]): Envelope[] {
  const newest = new Map<string, Envelope>();
  for (const row of rows) {
    const known = newest.get(row.senderId);
    if (known === undefined || known.seq < row.seq) newest.set(row.senderId, row);
  }
  return [...newest.values()];
}

/**
 * Leaves out senders who must not learn of it (deleted, or blocked in either direction) and writes the outbox rows of
 * those with webhooks who are neither fully paused nor suspended. All of it as of this commit.
 */
async function announce(database: Database, readerId: string, all: Told[], session: ClientSession): Promise<Told[]> {
  const senderIds = [...new Set(all.map(({ senderId }) => senderId))];
  const ids = senderIds.flatMap((id) => [inboxInId(id), pairId(readerId, id)]);
  const rows = await database.guards.find({ _id: { $in: ids } }, { session, ...READ }).toArray();
  const guards = new Map(rows.map((guard) => [guard._id, guard]));
  // A guard's kind stands in its _id: these are the parse points of the union.
  const inboxOf = (id: string) => guards.get(inboxInId(id)) as InboxInGuard | undefined;
  const pairWith = (id: string) => guards.get(pairId(readerId, id)) as PairGuard | undefined;
  const told = all.filter(
    ({ senderId }) => inboxOf(senderId)?.status !== 'deleted' && (pairWith(senderId)?.blockedBy ?? []).length === 0,
  );
  const intents = told.flatMap(({ senderId, at, seq, messageId, conversationId }) => {
    const inbox = inboxOf(senderId);
    if (inbox === undefined || !takesIntents(inbox)) return [];
    const read = { readerId, conversationId, messageId, seq };
    return [{ ...intentFor(inbox, at), kind: 'message.read' as const, ...read }];
  });
  if (intents.length > 0) await database.outbox.insertMany(intents, { session });
  return told;
}

/**
 * Look-ups of one read at once. Frames of eight agents are read at a time in a process (`FanOuts` of the api): together
 * they take half of its pool of connections, and sends have the rest, however many wrote what is read.
 */
const THROUGH_SEQS_AT_ONCE = 2;

/** Looked up after the commit, so that it is as far as can be said when the sender is told. */
async function withThroughSeq(database: Database, { _id: readerId }: Reader, told: Told[]): Promise<ReadReceipt[]> {
  const lanes = new Map(told.map(({ senderId, conversationId }) => [senderId, { readerId, senderId, conversationId }]));
  const waiting = [...lanes.values()];
  const throughSeqs = new Map<string, number>();
  while (waiting.length > 0) {
    const some = waiting.splice(0, THROUGH_SEQS_AT_ONCE).map(async (lane) => {
      throughSeqs.set(lane.senderId, await readThroughSeq(database, lane));
    });
    await Promise.all(some);
  }
  return told.map((receipt) => ({ ...receipt, throughSeq: throughSeqs.get(receipt.senderId) ?? 0 }));
}
