import type { EnforcementTrigger } from '../../domain/enforcement';
import { shape, type CollectionSpec } from './collection';

/**
 * An intent recorded in the same commit as its fact; a relay turns it into the effect and deletes the row.
 * `message.new`: a webhook delivery for `targetId`. `flow.committed`: tell a flow that its commit happened.
 * `account.deleted`: the background part of a deletion has to be started.
 * `contacts.visibility`: contact books have to show or hide `targetId`; until the row is gone, lists look at the account.
 * `message.read`: a webhook delivery for `targetId`, whose message `readerId` read; how far everything is read
 * (`readThroughSeq`) is looked up when the delivery is made.
 * `inbox.flush`: rewrite the envelopes that `targetId` lost with a group. `group.deletion`: start the flow that tells the
 * members. `group.deleted`, `group.invite.received`: a webhook delivery for `targetId`.
 * `contact.blocked`: a webhook delivery for `targetId`, whom `blockedBy` (a handle) blocked.
 * `webhook.deleted`: remove what was not sent to the webhook `webhookId` of `targetId`.
 * `enforcement.requested`: tell the enforcement flow of `targetId` to evaluate.
 */
export type OutboxRow =
  | { _id: string; kind: 'message.new'; targetId: string; messageId: string; conversationId: string; createdAt: Date }
  | {
      _id: string;
      kind: 'flow.committed';
      workflowId: string;
      agentId: string;
      keyVersion: number;
      createdAt: Date;
    }
  | { _id: string; kind: 'account.deleted'; targetId: string; handle: string; createdAt: Date }
  | { _id: string; kind: 'agent.created'; targetId: string; createdAt: Date }
  | { _id: string; kind: 'contacts.visibility'; targetId: string; createdAt: Date }
  | {
      _id: string;
      kind: 'message.read';
      targetId: string;
      readerId: string;
      conversationId: string;
      messageId: string;
      seq: number;
      createdAt: Date;
    }
  | { _id: string; kind: 'inbox.flush'; targetId: string; createdAt: Date }
  | { _id: string; kind: 'group.deletion'; groupId: string; createdAt: Date }
  | { _id: string; kind: 'group.deleted'; targetId: string; groupId: string; createdAt: Date }
  | { _id: string; kind: 'group.invite.received'; targetId: string; invitationId: string; createdAt: Date }
  | { _id: string; kind: 'contact.blocked'; targetId: string; blockedBy: string; createdAt: Date }
  | { _id: string; kind: 'webhook.deleted'; targetId: string; webhookId: string; createdAt: Date }
  | {
      _id: string;
      kind: 'enforcement.requested';
      targetId: string;
      trigger: EnforcementTrigger;
      createdAt: Date;
    };

export const outbox: CollectionSpec = {
  name: 'outbox',
  schema: shape({ _id: 'string', kind: 'string', createdAt: 'date' }),
  indexes: [
    // claimOldest: the relay takes rows of a kind in the order in which they were written
    { name: 'kind_created', key: { kind: 1, createdAt: 1 } },
    // countRequested: evaluations of an agent that are still to be passed on
    {
      name: 'enforcement_target',
      key: { targetId: 1 },
      partialFilterExpression: { kind: 'enforcement.requested' },
    },
  ],
};
