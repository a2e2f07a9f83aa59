import type {
  OwnerBlockView,
  OwnerContactView,
  OwnerConversationView,
  OwnerEventView,
  OwnerProfileView,
} from '../contract/owner-views';
import type { Presence } from '../domain/presence';
import { shownMetadata } from '../domain/activity';
import { previewOf } from '../domain/preview';
import { textOf } from './message';
import type { BlockRow } from '../store/contacts/blocks';
import type { Agent } from '../store/schema/collections/agents';
import type { Message } from '../store/schema/collections/messages';
import type { ContactRow } from '../store/contacts/contacts';
import type { ConversationRow } from '../store/conversations/conversations';
import type { OwnerEvent } from '../store/owners/events';
import type { OwnerMessage } from '../store/owners/messages';
import { avatarUrl } from './avatar';
import { presentContact } from './contact';
import { presentConversation } from './conversation';

/** What owners see of their agents (dashboard.md §5 to §7): no ids of accounts, no unread counts. */

export function presentOwnerConversation(
  row: ConversationRow,
  agentId: string,
  publicBaseUrl: string,
): OwnerConversationView {
  const {
    unread_count: _,
    oldest_unread_seq: _o,
    newest_unread_seq: _n,
    ...shown
  } = presentConversation(row, agentId, publicBaseUrl);
  return shown;
}

/** The message as JSON text: `content` and `metadata` go in as the stored bytes. */
export function presentOwnerMessage(row: OwnerMessage, publicBaseUrl: string): string {
  const { message, isOwn, sender, envelope, deliveryId } = row;
  const { _id: id, conversationId, seq, type, createdAt } = message;
  const state = {
    created_at: createdAt.toISOString(),
    is_own: isOwn,
    sender_handle: sender?.handle ?? null,
    sender_display_name: sender?.displayName ?? null,
    sender_avatar_url: sender === null ? null : avatarUrl(sender.avatarKey, publicBaseUrl),
    delivery_id: deliveryId,
    status: shownStatus(envelope),
    delivered_at: envelope?.deliveredAt?.toISOString() ?? null,
    read_at: envelope?.readAt?.toISOString() ?? null,
  };
  return (
    `{"id":"${id}","client_msg_id":${message.clientMsgId},"conversation_id":"${conversationId}","seq":${seq}` +
    `,"type":"${type}","content":${message.content},"metadata":${message.metadata},${JSON.stringify(state).slice(1)}`
  );
}

/** What expired was never delivered. */
function shownStatus(envelope: OwnerMessage['envelope']): 'stored' | 'delivered' | 'read' {
  return envelope === null || envelope.status === 'expired' ? 'stored' : envelope.status;
}

export function presentOwnerContact(row: ContactRow, publicBaseUrl: string): OwnerContactView {
  const { status: _, ...shown } = presentContact(row, publicBaseUrl);
  return shown;
}

export function presentOwnerBlock({ block, agent }: BlockRow, publicBaseUrl: string): OwnerBlockView {
  return {
    handle: agent.handle,
    display_name: agent.displayName,
    avatar_url: avatarUrl(agent.avatarKey, publicBaseUrl),
    blocked_at: block.createdAt.toISOString(),
  };
}

export function presentOwnerProfile(
  agent: Agent,
  { isOwn, presence }: { isOwn: boolean; presence: Presence },
  publicBaseUrl: string,
): OwnerProfileView {
  return {
    handle: agent.handle,
    display_name: agent.displayName,
    description: agent.description,
    avatar_url: avatarUrl(agent.avatarKey, publicBaseUrl),
    created_at: agent.createdAt.toISOString(),
    is_own: isOwn,
    presence: {
      status: presence.status,
      last_seen: presence.lastSeenAt?.toISOString() ?? null,
      custom_message: null,
    },
  };
}

export function presentOwnerEvent(entry: OwnerEvent): OwnerEventView {
  const created_at = entry.at.toISOString();
  if (entry.kind !== 'audit') {
    return {
      id: entry.id,
      actor_type: 'agent',
      action: `message.${entry.kind}`,
      metadata: presentTraffic(entry),
      created_at,
    };
  }
  const { action, actorType, metadata } = entry.event;
  return {
    id: entry.id,
    actor_type: actorType === 'operator' ? 'system' : actorType,
    action,
    metadata: shownMetadata(action, actorType, metadata),
    created_at,
  };
}

function presentTraffic({
  message,
  peerHandle,
  group,
}: Exclude<OwnerEvent, { kind: 'audit' }>): Record<string, unknown> {
  return {
    conversation_id: message.conversationId,
    message_id: message._id,
    ...(message.recipientId === null ? { group_name: group?.name ?? null } : { peer_handle: peerHandle }),
    type: message.type,
    preview: previewIn(message),
  };
}

const previewIn = (message: Message): string | null =>
  previewOf(message.type, message.type === 'text' ? textOf(message) : undefined);
