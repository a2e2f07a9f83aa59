import { isOperationalEvent, type WebhookEvent } from '../contract/events';
import { deletedInfo, type GroupGuard } from '../domain/group';
import type { EventTraits } from '../domain/webhook-filter';
import { presentNewAgent, presentOperational, presentPresence, presentRead } from '../presenters/events';
import { presentInvitation } from '../presenters/invitation';
import { mentionsIn, presentMessage, STORED } from '../presenters/message';
import type { AgentCard } from '../store/agents/agents';
import type { Delivery } from '../store/schema/collections/deliveries';
import type { Message } from '../store/schema/collections/messages';
import type { IntentRow, OperationalRow } from '../store/schema/collections/outbox';
import { deliveryId } from '../store/schema/delivery-ids';
import { messageEventKey } from '../store/schema/webhook-ids';
import { UNKNOWN_SENDER } from '../store/inbox/inbox';
import type { IntentFacts } from '../store/webhooks/intents/load-intents';

/** One event, as all webhooks of its target get it. */
export interface WebhookNews {
  event: WebhookEvent;
  /** What makes it one event for ever, however often its intent is written or processed. */
  key: string;
  /** When it happened. */
  at: Date;
  /** JSON text. */
  data: string;
  /** What its deliveries keep besides. */
  kept: Pick<Delivery, 'messageId' | 'conversationId' | 'position' | 'subjectId' | 'subjectVersion'>;
  /** What filters of webhooks look at. */
  traits: EventTraits;
}

/** The event behind an intent (webhooks.md §5); null when there is nothing to deliver any more. */
export function describeIntent(row: IntentRow, facts: IntentFacts, publicBaseUrl: string): WebhookNews | null {
  const news = { event: row.kind, key: row._id, at: row.createdAt, kept: {}, traits: {} };
  if (isOperational(row)) return { ...news, data: JSON.stringify(presentOperational(row)) };
  switch (row.kind) {
    case 'message.new':
      return describeMessage(row, facts);
    case 'message.read': {
      const readerHandle = facts.cards.get(row.readerId)?.handle ?? UNKNOWN_SENDER.handle;
      const throughSeq = facts.throughSeqs.get(row._id) ?? 0;
      const data = JSON.stringify(presentRead({ ...row, readerHandle, throughSeq, at: row.createdAt }));
      return { ...news, data, ...ofConversation(row.conversationId) };
    }
    case 'presence.update':
      return {
        ...news,
        key: `${row._id}|${row.version}`,
        at: row.at,
        data: JSON.stringify(presentPresence(row.handle, row)),
        kept: { subjectId: row.subjectId, subjectVersion: row.version },
      };
    case 'contact.blocked':
      return { ...news, data: JSON.stringify({ blocked_by: row.blockedBy }) };
    case 'group.invite.received': {
      const invitation = facts.invitations.get(row.invitationId);
      const group = facts.groups.get(invitation?.groupId ?? '');
      if (invitation === undefined || group === undefined) return null;
      return { ...news, data: JSON.stringify(presentInvitation({ invitation, group }, publicBaseUrl)) };
    }
    case 'agent.created': {
      const { handle, displayName, createdAt } = row;
      return { ...news, data: JSON.stringify(presentNewAgent(handle, displayName, createdAt)) };
    }
    case 'group.deleted': {
      const deleted = facts.groups.get(row.groupId)?.deleted ?? null;
      if (deleted === null) return null;
      const data = JSON.stringify(deletedInfo(row.groupId, deleted));
      return { ...news, data, ...ofConversation(row.groupId) };
    }
  }
}

/** What filters ask for, and the order of a conversation goes by. */
const ofConversation = (conversationId: string) => ({ kept: { conversationId }, traits: { conversationId } });

const isOperational = (row: IntentRow): row is OperationalRow => isOperationalEvent(row.kind);

function describeMessage(row: Extract<IntentRow, { kind: 'message.new' }>, facts: IntentFacts): WebhookNews | null {
  const { targetId, position } = row;
  const message = facts.messages.get(row.messageId);
  const salt = facts.salts.get(targetId);
  if (message === undefined || salt === undefined) return null;
  const group = facts.groups.get(message.conversationId) ?? null;
  if (group !== null && isLost(message, group)) return null;
  const sender = facts.cards.get(message.senderId) ?? UNKNOWN_SENDER;
  const shown = { ...STORED, deliveryId: deliveryId(targetId, salt, position) };
  const handle = facts.cards.get(targetId)?.handle;
  return messageNews({
    targetId,
    handle,
    position,
    message,
    sender,
    json: presentMessage(message, sender, shown, group),
  });
}

/** A deleted group lets only its last message through: the notice (groups.md G7). */
function isLost({ seq }: Message, { deleted, nextSeq }: GroupGuard): boolean {
  return deleted !== null && seq !== nextSeq - 1;
}

/** A message for one recipient. */
export interface MessageFor {
  targetId: string;
  /** Of the recipient, where a filter asks whether it is mentioned. */
  handle: string | undefined;
  position: number;
  message: Message;
  sender: AgentCard;
  /** The message object. */
  json: string;
}

/** `message.new` for one recipient. The same news from an intent and from a release. */
export function messageNews({ targetId, handle, position, message, sender, json: data }: MessageFor): WebhookNews {
  const { _id: messageId, conversationId, createdAt: at } = message;
  const key = messageEventKey(messageId, targetId);
  const isMention = handle !== undefined && mentionsIn(message).includes(handle);
  const traits = { conversationId, message: { sender: sender.handle, type: message.type, isMention } };
  return { event: 'message.new', key, at, data, kept: { messageId, conversationId, position }, traits };
}
