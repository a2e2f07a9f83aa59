import type { ConversationContextView, ConversationView, PersonView } from '../contract/conversations';
import { previewOf } from '../domain/preview';
import { groupAvatarUrl } from './invitation';
import { textOf } from './message';
import type { Message } from '../store/schema/collections/messages';
import type { ConversationContext } from '../store/conversations/conversation-context';
import type { ConversationRow } from '../store/conversations/conversations';
import type { Profile } from '../store/agents/profiles';
import { avatarUrl } from './avatar';

/** One entry of `GET /v1/conversations` (messaging.md §11.1). */
export function presentConversation(row: ConversationRow, agentId: string, publicBaseUrl: string): ConversationView {
  const { place, newest, unread } = row;
  const group = place.type === 'group' ? place.group : null;
  return {
    id: place.conversationId,
    type: place.type,
    participants: row.counterparty === null ? [] : [presentPerson(row.counterparty, publicBaseUrl)],
    group_name: group?.name ?? null,
    group_avatar_url: group === null ? null : groupAvatarUrl(group, publicBaseUrl),
    group_member_count: group?.memberCount ?? null,
    last_message_preview: newest === null ? null : preview(newest),
    last_message_is_own: newest?.senderId === agentId,
    last_message_type: newest?.type ?? null,
    last_message_at: row.lastMessageAt?.toISOString() ?? null,
    updated_at: row.updatedAt.toISOString(),
    unread_count: unread.count,
    oldest_unread_seq: unread.oldestSeq,
    newest_unread_seq: unread.newestSeq,
    is_muted: row.isMuted,
  };
}

/** `GET /v1/conversations/:id/context` (messaging.md §11.3). */
export function presentConversationContext(
  { place, counterparty, contact, unread }: ConversationContext,
  publicBaseUrl: string,
): ConversationContextView {
  return {
    conversation_id: place.conversationId,
    type: place.type,
    group:
      place.type === 'direct'
        ? null
        : {
            name: place.group.name,
            description: place.group.description,
            member_count: place.group.memberCount,
            your_role: place.role,
          },
    counterparty: counterparty === null ? null : presentPerson(counterparty, publicBaseUrl),
    relationship:
      place.type === 'group'
        ? null
        : {
            is_contact: contact !== null,
            added_at: contact?.addedAt.toISOString() ?? null,
            note: contact?.note ?? null,
          },
    unread: { count: unread.count, oldest_seq: unread.oldestSeq, newest_seq: unread.newestSeq },
  };
}

export function presentPerson(profile: Profile, publicBaseUrl: string): PersonView {
  return {
    handle: profile.handle,
    display_name: profile.displayName,
    avatar_url: avatarUrl(profile.avatarKey, publicBaseUrl),
  };
}

function preview(message: Message): string | null {
  return previewOf(message.type, message.type === 'text' ? textOf(message) : undefined);
}
