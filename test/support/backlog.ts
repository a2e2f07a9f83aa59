import { inboxInId, inboxOutId, pairId, type InboxInHead, type InboxOutHead, type PairHead } from '../../domain/heads';
import { newId } from '../../platform/ids';
import { clientKey } from '../../store/client-keys';
import { envelopeId, type Envelope, type Message } from '../../store/collections/messages';
import type { Database } from '../../store/database';
import type { Sender } from './traffic';

/**
 * Gives `to` a backlog of `count` messages of `from`, as if they had been sent: thousands of sends over HTTP would take
 * longer than the test. Both must have written to each other, and nobody may write meanwhile. Returns the message ids.
 */
export async function seedBacklog(database: Database, from: Sender, to: Sender, count: number): Promise<string[]> {
  const pair = await database.heads.findOne<PairHead>({ _id: pairId(from.id, to.id) });
  const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(to.id) });
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
  await database.heads.updateOne(
    { _id: pair._id },
    { $inc: { v: 1, nextSeq: count, [`sent.${from.id}`]: count }, $set: { lastMessageAt: createdAt } },
  );
  await database.heads.updateOne({ _id: inbox._id }, { $inc: { v: 1, nextPosition: count, enqueued: count } });
  return messages.map(({ _id }) => _id);
}

/** Undelivered messages of a group as its sends would have left them with one member, counters included. */
export async function seedGroupBacklog(
  database: Database,
  recipientId: string,
  groupId: string,
  count: number,
): Promise<number> {
  const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(recipientId) });
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
  await database.heads.updateOne({ _id: inboxInId(recipientId) }, { $inc: step });
  return count;
}

/** `enqueued` − `dequeued` of the agent's inbox beside the rows that are stored: equal at any rest. */
export async function countersOf(database: Database, agent: Sender): Promise<{ counted: number; stored: number }> {
  const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(agent.id) });
  const outbox = await database.heads.findOne<InboxOutHead>({ _id: inboxOutId(agent.id) });
  return {
    counted: (inbox?.enqueued ?? 0) - (outbox?.dequeued ?? 0),
    stored: await database.envelopes.countDocuments({ recipientId: agent.id, status: 'stored' }),
  };
}
