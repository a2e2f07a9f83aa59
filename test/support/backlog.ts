import {
  inboxInId,
  inboxOutId,
  pairId,
  type InboxInGuard,
  type InboxOutGuard,
  type PairGuard,
} from '../../domain/guards';
import { newId } from '../../platform/ids';
import { clientKey } from '../../store/schema/client-keys';
import { envelopeId, type Envelope, type Message } from '../../store/schema/collections/messages';
import { withTransaction, type Database } from '../../store/schema/database';
import { isSettled } from '../../store/inbox/backlog';
import { notWrittenOff } from '../../store/inbox/written-off';
import type { Sender } from './traffic';

/**
 * Gives `to` a backlog of `count` messages of `from`, as if they had been sent: thousands of sends over HTTP would take
 * longer than the test. Both must have written to each other, and nobody may write meanwhile. Returns the message ids.
 */
export async function seedBacklog(database: Database, from: Sender, to: Sender, count: number): Promise<string[]> {
  const pair = await database.guards.findOne<PairGuard>({ _id: pairId(from.id, to.id) });
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(to.id) });
  if (pair === null || pair.conversationId === null || inbox === null) throw new Error('the two have not written yet');
  const { conversationId, nextSeq } = pair;
  const createdAt = new Date();
  const messages = Array.from({ length: count }, (_, index): Message => {
    const id = newId('message');
    return {
      _id: id,
      conversationId,
      seq: nextSeq + index,
      senderId: from.id,
      recipientId: to.id,
      clientKey: clientKey(from.id, id),
      clientMsgId: JSON.stringify(id),
      type: 'text',
      content: JSON.stringify({ text: `backlog ${index}` }),
      metadata: '{}',
      createdAt,
      commitId: 'seeded',
    };
  });
  const envelopes = messages.map((message, index): Envelope => ({
    _id: envelopeId(to.id, inbox.nextPosition + index),
    recipientId: to.id,
    position: inbox.nextPosition + index,
    messageId: message._id,
    conversationId,
    seq: message.seq,
    senderId: from.id,
    status: 'stored',
    unread: 'shown',
    createdAt,
  }));
  await database.messages.insertMany(messages);
  await database.envelopes.insertMany(envelopes);
  await database.guards.updateOne(
    { _id: pair._id },
    { $inc: { v: 1, nextSeq: count, [`sent.${from.id}`]: count }, $set: { lastMessageAt: createdAt } },
  );
  await database.guards.updateOne({ _id: inbox._id }, { $inc: { v: 1, nextPosition: count, enqueued: count } });
  return messages.map(({ _id }) => _id);
}

/** Undelivered messages of a group as its sends would have left them with one member, counters included. */
export async function seedGroupBacklog(
  database: Database,
  recipientId: string,
  groupId: string,
  count: number,
): Promise<number> {
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(recipientId) });
  const first = inbox?.nextPosition ?? 1;
  const rows = Array.from({ length: count }, (_, index): Envelope => ({
    _id: envelopeId(recipientId, first + index),
    recipientId,
    position: first + index,
    messageId: `msg_filler${index}`,
    conversationId: groupId,
    seq: 1_000_000 + index,
    senderId: 'agt_filler',
    status: 'stored',
    unread: 'shown',
    createdAt: new Date(),
  }));
  await database.envelopes.insertMany(rows);
  const step = { nextPosition: count, enqueued: count, v: 1 };
  await database.guards.updateOne({ _id: inboxInId(recipientId) }, { $inc: step });
  return count;
}

/**
 * Lets senders see a backlog of `undelivered` envelopes, as a count of the rows would have left it; there are no such
 * rows, so that what the agent reads stays as it is. Holds until the agent takes something.
 */
export async function pretendBacklog(database: Database, agentId: string, undelivered: number): Promise<void> {
  const out = await database.guards.findOneAndUpdate(
    { _id: inboxOutId(agentId) },
    { $set: { isNear: true }, $inc: { v: 1, moves: 1, countedMoves: 0 }, $setOnInsert: { dequeued: 0 } },
    { upsert: true, returnDocument: 'after' },
  );
  // The kind of a guard stands in its _id: this is the parse point of the union.
  const { dequeued, moves } = out as InboxOutGuard;
  await database.guards.updateOne({ _id: inboxOutId(agentId) }, { $set: { countedMoves: moves }, $inc: { v: 1 } });
  const enqueued = undelivered + dequeued;
  await database.guards.updateOne({ _id: inboxInId(agentId) }, { $set: { enqueued }, $inc: { v: 1 } });
}

/**
 * The backlog of an agent as of one moment, as senders near its limits see it (`counted`), and the rows that are stored
 * and not written off. Throws where what senders see without a count is less than the rows.
 */
export async function countersOf(
  database: Database,
  agent: Pick<Sender, 'id'>,
): Promise<{ counted: number; stored: number }> {
  return withTransaction(database, async (session) => {
    const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agent.id) }, { session });
    const out = await database.guards.findOne<InboxOutGuard>({ _id: inboxOutId(agent.id) }, { session });
    const rows = { recipientId: agent.id, status: 'stored' as const, ...notWrittenOff(inbox?.writtenOff) };
    const stored = await database.envelopes.countDocuments(rows, { session });
    const atMost = (inbox?.enqueued ?? 0) - (out?.dequeued ?? 0);
    if (atMost < stored) throw new Error(`senders see a backlog of ${atMost}, but ${stored} rows are stored`);
    // Where senders take a count for exact, it has to be.
    const isExact = inbox !== null && isNear(out) && isSettled(inbox, out, 0);
    return { counted: isExact ? atMost : stored, stored };
  });
}

const isNear = (out: InboxOutGuard | null): boolean => out?.isNear === true;
