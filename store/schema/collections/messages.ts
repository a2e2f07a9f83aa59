import type { Binary, Filter } from 'mongodb';
import { NUMBER, shape, STRING_OR_NULL, collection } from './collection';

export type MessageType = 'text' | 'structured' | 'file' | 'system';
export type EnvelopeStatus = 'stored' | 'expired' | 'delivered' | 'read';

/** An accepted message; immutable. Texts from agents are kept as compact JSON, because BSON would change some of them. */
export interface Message {
  _id: string;
  conversationId: string;
  seq: number;
  senderId: string;
  /** The other agent of a direct conversation; null in groups. */
  recipientId: string | null;
  /** Hash of sender and client_msg_id (UTF-16 units): what makes a retry find its original. */
  clientKey: Binary;
  /** JSON text of the client_msg_id string. */
  clientMsgId: string;
  type: MessageType;
  /** Compact JSON text. */
  content: string;
  /** Compact JSON text. */
  metadata: string;
  createdAt: Date;
  /** The commit that wrote it, so that a process knows its own write after a lost answer. */
  commitId: string;
}

/**
 * One recipient's delivery record. `_id` = recipient and position, so an inbox is a log in `_id` order. What is not so
 * yet is not there: a message to a group writes 255 of these.
 */
export interface Envelope {
  _id: string;
  recipientId: string;
  position: number;
  messageId: string;
  conversationId: string;
  seq: number;
  senderId: string;
  status: EnvelopeStatus;
  /** The recipient muted sender or conversation when it was sent: no live push, no webhook. */
  muted?: true;
  /**
   * There until the recipient has read it. `hidden`: the recipient hid the message, so that it counts as unread nowhere,
   * but its sender is not told that it was read.
   */
  unread?: 'shown' | 'hidden';
  deliveredAt?: Date;
  readAt?: Date;
  createdAt: Date;
  /** There when it counts as delivered without having been handed over: its group was left or deleted. */
  writtenOff?: true;
  /** There when it is for a guest of the gateway, who reads it with the part of the reply that comes behind it. */
  isPart?: true;
  /** There when its recipient had heard it before it was sent: it is pushed nowhere. */
  isHeard?: true;
}

/**
 * One recipient's, or several ones', envelopes of messages of a conversation, in the form that the index serves.
 * @param seq a number or a condition
 */
export function envelopesOf(
  recipientId: Filter<Envelope>['recipientId'],
  conversationId: string,
  seq: Filter<Envelope>['seq'],
): Filter<Envelope> {
  // Nothing is left out by the second: null finds those that are read.
  return { recipientId, conversationId, unread: { $in: [null, 'shown', 'hidden'] }, seq } as Filter<Envelope>;
}

/** `_id` of the envelope at `position`: hex keeps the order of numbers. */
export function envelopeId(recipientId: string, position: number): string {
  return `${recipientId}:${position.toString(16).padStart(12, '0')}`;
}

export const messages = collection<Message>({
  schema: shape({
    _id: 'string',
    conversationId: 'string',
    seq: NUMBER,
    senderId: 'string',
    recipientId: STRING_OR_NULL,
    clientKey: 'binData',
    clientMsgId: 'string',
    type: 'string',
    content: 'string',
    metadata: 'string',
    createdAt: 'date',
    commitId: 'string',
  }),
  indexes: [
    // history pages; the last guard of gapless seq
    { name: 'conversation_seq', key: { conversationId: 1, seq: 1 }, unique: true },
    // findReplays: the original of a retried send
    { name: 'client_key', key: { clientKey: 1 }, unique: true },
    // readSent: what an agent wrote, newest first, for its owner's activity log
    { name: 'sender_created', key: { senderId: 1, createdAt: -1 } },
  ],
});

export const envelopes = collection<Envelope>({
  // Little: a message to a group has 255 of them checked while its members wait.
  schema: shape({ _id: 'string', recipientId: 'string', position: NUMBER, status: 'string' }),
  indexes: [
    // states of history rows, frame acks, reads: one recipient's envelope of a message (`envelopesOf`); unread fields of
    // conversations, markReadThrough, readThroughSeq: only what is not read, whatever was read around it; the sender
    // stands in it for `readThroughSeq`. One index for both: a message to a group makes 255 entries in each.
    // Not unique, although it holds one row of each: the message's `seq` and the envelope's position are.
    {
      name: 'recipient_conversation',
      key: { recipientId: 1, conversationId: 1, unread: 1, seq: 1, senderId: 1 },
    },
    // readStored (sync, drain, pump) and loadAcks: only what is still stored, whatever was delivered behind it
    {
      name: 'recipient_stored',
      key: { recipientId: 1, position: 1 },
      partialFilterExpression: { status: 'stored' },
    },
  ],
});
