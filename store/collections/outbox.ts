import { shape, type CollectionSpec } from './collection';

/**
 * An intent recorded in the same commit as its fact; a relay turns it into the effect and deletes the row.
 * `message.new`: a webhook delivery for `targetId`. `flow.committed`: tell a flow that its commit happened.
 */
export type OutboxRow =
  | { _id: string; kind: 'message.new'; targetId: string; messageId: string; conversationId: string; createdAt: Date }
  | { _id: string; kind: 'flow.committed'; workflowId: string; createdAt: Date }
  | { _id: string; kind: 'agent.created'; targetId: string; createdAt: Date };

export const outbox: CollectionSpec = {
  name: 'outbox',
  schema: shape({ _id: 'string', kind: 'string', createdAt: 'date' }),
  indexes: [
    // claimOldest: the relay takes rows of a kind in the order in which they were written
    { name: 'kind_created', key: { kind: 1, createdAt: 1 } },
  ],
};
