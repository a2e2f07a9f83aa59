import type { AttachmentGuard } from '../../../domain/attachments';
import type { GroupGuard } from '../../../domain/group';
import type { InboxInGuard, InboxOutGuard, ListedGuard, PairGuard, SenderGuard } from '../../../domain/guards';
import { NUMBER, shape, collection } from './collection';

/** A document of `guards`: which kind it is stands in its `_id`. */
export type Guard = PairGuard | SenderGuard | InboxInGuard | InboxOutGuard | ListedGuard | GroupGuard | AttachmentGuard;

export const guards = collection<Guard>({
  schema: shape({ _id: 'string', v: NUMBER }),
  indexes: [
    // findParticipation: a direct conversation by its id; one conversation per pair for ever
    {
      name: 'conversation_id',
      key: { conversationId: 1 },
      unique: true,
      partialFilterExpression: { conversationId: { $type: 'string' } },
    },
    // listConversations: an agent's direct conversations that it does not hide, newest first
    {
      name: 'listed_last_message',
      key: { listedFor: 1, lastMessageAt: -1, conversationId: 1 },
      partialFilterExpression: { conversationId: { $type: 'string' } },
    },
    // findReleasing: inboxes whose release is under way, the oldest first; others pay nothing for it
    {
      name: 'releasing_at',
      key: { 'releasing.at': 1 },
      partialFilterExpression: { 'releasing.at': { $type: 'date' } },
    },
    // findDueAttachments: attachments only, so other guards pay nothing for it
    { name: 'attachment_due', key: { dueAt: 1 }, partialFilterExpression: { dueAt: { $type: 'date' } } },
  ],
});

/** Finds the pair of a direct conversation; the type is asked for too, or MongoDB would not take the partial index. */
export function ofConversation(conversationId: string) {
  return { conversationId: { $eq: conversationId, $type: 'string' as const } };
}
