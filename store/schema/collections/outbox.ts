import type { OperationalEvent, PING_EVENT, WebhookEvent } from '../../../contract/events';
import type { EnforcementTrigger } from '../../../domain/enforcement';
import type { OperationalFacts } from '../../../domain/operational-event';
import type { RowFailure } from '../../../domain/outbox-retry';
import type { PresenceStatus } from '../../../domain/presence';
import { shape, collection } from './collection';
import type { Webhook } from './webhooks';

/** What every intent for webhooks of `targetId` has; its kind is the event. */
interface WebhookIntent {
  _id: string;
  targetId: string;
  /** Of the target's inbox at the commit: webhooks that came later are not meant. */
  webhookVersion: number;
  /** Of the envelope that it tells of, else of the last one before it; deliveries are ordered by it. Absent = before all. */
  position?: number;
  createdAt: Date;
  /** Absent = its expansion did not fail. */
  failed?: RowFailure;
}

/** Intents that end as deliveries to the webhooks of `targetId` (webhooks.md §5). */
export type IntentRow =
  | (WebhookIntent & { kind: 'message.new'; messageId: string; conversationId: string; position: number })
  | (WebhookIntent & {
      // how far everything is read is looked up when the delivery is made
      kind: 'message.read';
      readerId: string;
      conversationId: string;
      messageId: string;
      seq: number;
    })
  | (WebhookIntent & {
      // one row per target and subject: a newer presence takes the place of one that was not expanded yet
      kind: 'presence.update';
      subjectId: string;
      handle: string;
      status: PresenceStatus;
      customMessage: string | null;
      /** Of the presence: grows with every change. */
      version: number;
      at: Date;
    })
  | (WebhookIntent & { kind: 'contact.blocked'; blockedBy: string })
  | (WebhookIntent & { kind: 'group.invite.received'; invitationId: string })
  | (WebhookIntent & { kind: 'group.deleted'; groupId: string })
  | (WebhookIntent & { kind: 'agent.created'; handle: string; displayName: string | null })
  | OperationalRow;

/** Something of the webhook `about` of the agent `handle`, which other webhooks are to be told. */
export type OperationalRow = WebhookIntent & {
  kind: OperationalEvent;
  about: string;
  handle: string;
  facts: OperationalFacts;
};

/** What was done with a right code, as its flow is told. */
export type FlowCommit = { agentId: string; keyVersion: number } | { ownerId: string } | { visitorId: string };

/**
 * An intent recorded in the same commit as its fact; a relay turns it into the effect and deletes the row.
 * `flow.committed`: tell a flow that its commit happened.
 * `account.deleted`: the background part of a deletion has to be started.
 * `contacts.visibility`: contact books have to show or hide `targetId`; until the row is gone, lists look at the account.
 * `inbox.written-off`: rewrite the envelopes that `targetId` lost with a group. `group.deletion`: start the flow that tells the
 * members.
 * `inbox.release`: tell the flow that releases what `targetId` did not get in a silence that ended; one row per agent.
 * `webhook.deleted`: remove what was not sent to the webhook `webhookId` of `targetId`.
 * `webhook.trouble`: tell the flow of a webhook to look at it by `dueAt`; one row per webhook, `notes` counts its writes.
 * `webhook.recovery`: start the flow `jobId` that sends the webhook `webhookId` of `targetId` what it missed.
 * `webhook.test`: what one test of an endpoint sends, of the agent `handle`; the id is that of the request.
 * `turn.started`: start the flow of a turn of the gateway. `turn.replied`: settle which turn an agent's message answers; those to one guest
 * in their order.
 * `turn.ended`: tell the flow of a turn, and hand over the next one of its session.
 * `turns.unpaused`: tasks that waited for the end of the pause of `targetId` are to be handed over.
 * `turns.cut`: the open turns of `targetId`, which was suspended or deleted, have to end.
 * `link.revoked`: the open turns of a share link have to end, and what is kept of its visitors is to be removed.
 * `enforcement.requested`: tell the enforcement flow of `targetId` to evaluate.
 */
export type OutboxRow = AnyRow & {
  /** How its effect has failed so far; absent = it did not. The relays pass it over until `retryAt`. */
  failed?: RowFailure;
};

type AnyRow =
  | IntentRow
  | ({ _id: string; kind: 'flow.committed'; workflowId: string; createdAt: Date } & FlowCommit)
  | { _id: string; kind: 'account.deleted'; targetId: string; handle: string; createdAt: Date }
  | { _id: string; kind: 'contacts.visibility'; targetId: string; createdAt: Date }
  | { _id: string; kind: 'inbox.written-off'; targetId: string; createdAt: Date }
  | { _id: string; kind: 'inbox.release'; targetId: string; epoch: number; createdAt: Date }
  | { _id: string; kind: 'group.deletion'; groupId: string; createdAt: Date }
  | { _id: string; kind: 'webhook.deleted'; targetId: string; webhookId: string; createdAt: Date }
  | {
      _id: string;
      kind: 'webhook.trouble';
      webhookId: string;
      dueAt: Date;
      notes: number;
      /** Only of a sweep, which wants a flow where none runs. */
      isSweep?: true;
      createdAt: Date;
    }
  | {
      _id: string;
      kind: 'webhook.recovery';
      targetId: string;
      webhookId: string;
      jobId: string;
      since: Date;
      until: Date;
      status: 'dead' | 'failed' | null;
      matched: number;
      createdAt: Date;
    }
  | {
      _id: string;
      kind: 'webhook.test';
      endpoint: Pick<
        Webhook,
        '_id' | 'url' | 'secret' | 'previousSecret' | 'keyPair' | 'previousKeyPair' | 'legacySignature'
      >;
      event: WebhookEvent | typeof PING_EVENT;
      handle: string;
      createdAt: Date;
    }
  | { _id: string; kind: 'turn.started'; executionId: string; createdAt: Date }
  | { _id: string; kind: 'team-turn.started'; executionId: string; createdAt: Date }
  | { _id: string; kind: 'turn.replied'; guestId: string; messageId: string; seq: number; createdAt: Date }
  | { _id: string; kind: 'turns.cut'; targetId: string; failure: 'agent_suspended' | 'agent_deleted'; createdAt: Date }
  | { _id: string; kind: 'turns.unpaused'; targetId: string; createdAt: Date }
  | { _id: string; kind: 'link.revoked'; linkId: string; createdAt: Date }
  | { _id: string; kind: 'turn.ended'; executionId: string; nextId: string | null; createdAt: Date }
  | {
      _id: string;
      kind: 'enforcement.requested';
      targetId: string;
      trigger: EnforcementTrigger;
      createdAt: Date;
    };

export const outbox = collection<OutboxRow>({
  schema: shape({ _id: 'string', kind: 'string', createdAt: 'date' }),
  indexes: [
    // loadIntents and the relays take rows of a kind in the order in which they were written
    { name: 'kind_created', key: { kind: 1, createdAt: 1 } },
    // settleStarted, settleEnded, settleTeamStarted: of one turn, however many wait for the relay
    { name: 'execution', key: { executionId: 1 }, partialFilterExpression: { executionId: { $exists: true } } },
    // settleReplies: what was written to one guest, in its order
    {
      name: 'guest_seq',
      key: { guestId: 1, seq: 1 },
      partialFilterExpression: { kind: 'turn.replied' },
    },
    // countRequested: evaluations of an agent that are still to be passed on
    {
      name: 'enforcement_target',
      key: { targetId: 1 },
      partialFilterExpression: { kind: 'enforcement.requested' },
    },
    // listFailedRows, countFailedRows: the few whose effect failed, the longest failing first
    {
      name: 'failed_since',
      key: { 'failed.since': 1, _id: 1 },
      partialFilterExpression: { 'failed.since': { $type: 'date' } },
    },
  ],
});
