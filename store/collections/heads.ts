import { NUMBER, shape, type CollectionSpec } from './collection';

export const heads: CollectionSpec = {
  name: 'heads',
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
    // findDueAttachments: attachments only, so other heads pay nothing for it
    { name: 'attachment_due', key: { dueAt: 1 }, partialFilterExpression: { dueAt: { $type: 'date' } } },
  ],
};

/** Finds the pair of a direct conversation; the type is asked for too, or MongoDB would not take the partial index. */
export function ofConversation(conversationId: string) {
  return { conversationId: { $eq: conversationId, $type: 'string' as const } };
}
