import { randomUUID } from 'node:crypto';
import type { AnyBulkWriteOperation } from 'mongodb';
import { emptyPair, inboxInId, inboxOutId, pairId, type InboxInGuard, type PairGuard } from '../domain/guards';
import { newId } from '../platform/ids';
import { clientKey } from '../store/schema/client-keys';
import { envelopeId, type Envelope, type Message } from '../store/schema/collections/messages';
import { newReadState } from '../store/schema/collections/read-states';
import type { Database } from '../store/schema/database';
import type { Guard } from '../store/schema/collections/guards';

/** Rows that one insert brings: bounded memory on both sides. */
const BATCH = 1_000;

export interface Filling {
  /** The agent whose inbox is filled. */
  hub: { id: string };
  /** Each has a direct conversation with the hub; half of the messages of each conversation are its own. */
  peers: { id: string }[];
  perConversation: number;
  /** How many of the hub's envelopes, the newest ones, are still stored. */
  stored: number;
}

/**
 * Fills conversations as sends, acks and reads would have left them, only faster: of what the hub received every other
 * message is read, the newest are still stored. @returns ids of the conversations
 */
export async function fillConversations(database: Database, filling: Filling): Promise<string[]> {
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(filling.hub.id) });
  let position = inbox?.nextPosition ?? 1;
  const received = filling.peers.length * Math.ceil(filling.perConversation / 2);
  const firstStored = position + received - filling.stored;
  const conversationIds: string[] = [];
  const startMs = Date.now() - filling.peers.length * filling.perConversation;
  for (const [index, peer] of filling.peers.entries()) {
    const conversationId = newId('directConversation');
    conversationIds.push(conversationId);
    const counts = { read: 0, sentByHub: 0 };
    const at = new Date(startMs + index);
    for (let from = 1; from <= filling.perConversation; from += BATCH) {
      const rows: { message: Message; envelope: Envelope }[] = [];
      for (let seq = from; seq < from + BATCH && seq <= filling.perConversation; seq += 1) {
        const isHubs = seq % 2 === 0;
        const [sender, recipient] = isHubs ? [filling.hub, peer] : [peer, filling.hub];
        const place = isHubs ? seq / 2 : position++;
        const isStored = !isHubs && place >= firstStored;
        const isRead = !isHubs && !isStored && seq % 4 === 1;
        if (isHubs) counts.sentByHub += 1;
        if (isRead) counts.read += 1;
        rows.push(newRow({ conversationId, seq, at, sender, recipient, position: place, isStored, isRead }));
      }
      await Promise.all([
        database.messages.insertMany(
          rows.map(({ message }) => message),
          { ordered: false },
        ),
        database.envelopes.insertMany(
          rows.map(({ envelope }) => envelope),
          { ordered: false },
        ),
      ]);
    }
    await writeGuards(database, filling, { peer, conversationId, at, ...counts });
  }
  await database.guards.bulkWrite(inboxWrites(filling.hub.id, position - 1, received - filling.stored));
  return conversationIds;
}

interface NewRow {
  conversationId: string;
  seq: number;
  at: Date;
  sender: { id: string };
  recipient: { id: string };
  position: number;
  isStored: boolean;
  isRead: boolean;
}

function newRow(row: NewRow): { message: Message; envelope: Envelope } {
  const { conversationId, seq, at, sender, recipient, position, isStored, isRead } = row;
  const clientMsgId = randomUUID();
  const message: Message = {
    _id: newId('message'),
    conversationId,
    seq,
    senderId: sender.id,
    recipientId: recipient.id,
    clientKey: clientKey(sender.id, clientMsgId),
    clientMsgId: JSON.stringify(clientMsgId),
    type: 'text',
    content: JSON.stringify({ text: `a message of usual length, number ${seq}` }),
    metadata: '{}',
    createdAt: at,
    commitId: 'fill',
  };
  const envelope: Envelope = {
    _id: envelopeId(recipient.id, position),
    recipientId: recipient.id,
    position,
    messageId: message._id,
    conversationId,
    seq,
    senderId: sender.id,
    status: isStored ? 'stored' : isRead ? 'read' : 'delivered',
    createdAt: at,
    ...(isRead ? { readAt: at } : { unread: 'shown' }),
    ...(isStored ? {} : { deliveredAt: at }),
  };
  return { message, envelope };
}

async function writeGuards(
  database: Database,
  { hub, perConversation }: Filling,
  filled: { peer: { id: string }; conversationId: string; at: Date; read: number; sentByHub: number },
): Promise<void> {
  const { peer, conversationId, at, read, sentByHub } = filled;
  const pair: PairGuard = {
    ...emptyPair(pairId(hub.id, peer.id)),
    v: 1,
    conversationId,
    createdAt: at,
    updatedAt: at,
    lastMessageAt: at,
    nextSeq: perConversation + 1,
    initiatedBy: peer.id,
    established: true,
    sent: { [hub.id]: sentByHub, [peer.id]: perConversation - sentByHub },
    listedFor: [hub.id, peer.id].sort(),
  };
  await database.guards.insertOne(pair);
  await database.guards.bulkWrite(inboxWrites(peer.id, sentByHub, sentByHub));
  await database.readStates.insertOne({ ...newReadState(hub.id, conversationId), v: 1, settled: read });
}

function inboxWrites(agentId: string, enqueued: number, dequeued: number): AnyBulkWriteOperation<Guard>[] {
  return [
    {
      updateOne: {
        filter: { _id: inboxInId(agentId) },
        update: { $set: { nextPosition: enqueued + 1, enqueued }, $inc: { v: 1 } },
      },
    },
    {
      updateOne: {
        filter: { _id: inboxOutId(agentId) },
        update: { $set: { dequeued }, $inc: { v: 1 } },
        upsert: true,
      },
    },
  ];
}
