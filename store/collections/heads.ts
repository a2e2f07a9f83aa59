import { NUMBER, shape, type CollectionSpec } from './collection';

export const heads: CollectionSpec = {
  name: 'heads',
  schema: shape({ _id: 'string', v: NUMBER }),
  indexes: [
    // findPairByConversation: a direct conversation by its id; one conversation per pair for ever
    {
      name: 'conversation_id',
      key: { conversationId: 1 },
      unique: true,
      partialFilterExpression: { conversationId: { $type: 'string' } },
    },
  ],
};
