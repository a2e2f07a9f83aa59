import type { WebhookEvent } from '../../../contract/events';
import { DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL, collection } from './collection';

/**
 * webhooks.md G9. `failed` waits for its next attempt; `delivered`, `dead` and `cancelled` never change again, but that
 * a dead one is marked as replayed.
 */
export type DeliveryStatus = 'pending' | 'delivering' | 'delivered' | 'failed' | 'dead' | 'cancelled';

/** The states from which something may still be sent. */
export const LIVE_STATUSES: DeliveryStatus[] = ['pending', 'delivering', 'failed'];

/** What is kept of one attempt (webhooks.md §11.1). Of the receiver's own words only the beginning. */
export interface AttemptRecord {
  /** Its number, from 1. */
  attempt: number;
  /** When it was started. */
  at: Date;
  durationMs: number;
  /** Null when there was no answer. */
  status: number | null;
  /** Null of a success. */
  error: string | null;
  /** Of the answer, in its order. Pairs, as names may hold what MongoDB means otherwise. */
  headers: [name: string, value: string][];
  /** Of the answer, 4 KiB at most. */
  body: string;
  /** The address that was tried; null when there was none. */
  remoteIp: string | null;
}

/**
 * One event for one webhook. `_id` is a function of the recorded intent and the webhook (`webhookDeliveryId`), so
 * processing an intent again makes no second one.
 */
export interface Delivery {
  _id: string;
  /** Of a webhook that may be gone by now: dead letters stay. */
  webhookId: string;
  agentId: string;
  event: WebhookEvent;
  /** `evt_…`, a function of the intent: the same for all webhooks of the agent. */
  eventId: string;
  /** Exactly what every attempt sends; valid UTF-8 (lone surrogates are escaped). */
  body: string;
  status: DeliveryStatus;
  /** Attempts that were started. */
  attempts: number;
  /** When the next attempt is due: of a pending one its creation. Null while delivering and in the end. */
  nextAttemptAt: Date | null;
  /** While delivering, by the clock of the machines: a worker that has not recorded by then has died. */
  leaseUntil?: Date | null;
  lastStatus: number | null;
  lastError: string | null;
  firstAttemptAt: Date | null;
  lastAttemptAt: Date | null;
  deliveredAt: Date | null;
  deadAt: Date | null;
  replayedAt: Date | null;
  replayedAsId: string | null;
  replayOf: string | null;
  createdAt: Date;
  /** Sorts the deliveries of one webhook as their events were committed (`deliveryOrder`). */
  order: string;
  /** Came to the agent while it was paused: first attempts of these follow each other, one at a time. */
  released?: true;
  /** Only of `message.new`. A 2xx marks the envelope at `position` of the agent's inbox as delivered. */
  messageId?: string;
  position?: number;
  /** Of events of a conversation or group; in rows of earlier versions only of `message.new`. */
  conversationId?: string;
  /** It went out in a batch, which has this id (`leaseBatch`), and is repeated with it. */
  batchId?: string;
  /** Only of `presence.update`: whose, and which. Of those not yet started only the newest stays (`saveDeliveries`). */
  subjectId?: string;
  subjectVersion?: number;
  /**
   * Only of a cancelled one: nothing of the event is wrong, but its webhook was inactive when it was to be sent. A
   * recovery sends it after all.
   */
  cancelledFor?: 'inactive';
  /** Attempts that ended, oldest first; absent before the first, and in rows of earlier versions. */
  log?: AttemptRecord[];
  /** The headers of the last attempt, without its signatures. */
  sent?: [name: string, value: string][];
  /** When the row is removed; null until it has ended. */
  expiresAt: Date | null;
}

/** For those who need no record of past attempts. */
export const WITHOUT_LOG = { log: 0, sent: 0 } as const;

export const deliveries = collection<Delivery>({
  schema: shape({
    _id: 'string',
    webhookId: 'string',
    agentId: 'string',
    event: 'string',
    eventId: 'string',
    body: 'string',
    status: 'string',
    attempts: NUMBER,
    nextAttemptAt: DATE_OR_NULL,
    lastStatus: [...NUMBER, 'null'],
    lastError: STRING_OR_NULL,
    firstAttemptAt: DATE_OR_NULL,
    lastAttemptAt: DATE_OR_NULL,
    deliveredAt: DATE_OR_NULL,
    deadAt: DATE_OR_NULL,
    replayedAt: DATE_OR_NULL,
    replayedAsId: STRING_OR_NULL,
    replayOf: STRING_OR_NULL,
    createdAt: 'date',
    order: 'string',
    expiresAt: DATE_OR_NULL,
  }),
  indexes: [
    // the deliveries of a webhook in one state, oldest first: claims, cancelDeliveries, backlogs
    { name: 'webhook_status_order', key: { webhookId: 1, status: 1, order: 1 } },
    // listDeliveries, readLogged: one event or, merged, all events of a webhook by time, those of one millisecond (of one
    // expansion) as they were committed. Nothing in it ever changes, so it costs a delivery one entry, whatever happens to it.
    { name: 'webhook_event_created_order', key: { webhookId: 1, event: 1, createdAt: -1, order: -1, _id: -1 } },
    // listDeliveries, readOwed: the few that were given up or cancelled, by time; nothing on the way of a success
    {
      name: 'webhook_ended_created_order',
      key: { webhookId: 1, status: 1, createdAt: -1, order: -1, _id: -1 },
      partialFilterExpression: { status: { $in: ['dead', 'cancelled'] } },
    },
    // findDue: what is due at a webhook, the earliest first; nextFailing: from one failing webhook to the next
    {
      name: 'failed_webhook_due',
      key: { webhookId: 1, nextAttemptAt: 1 },
      partialFilterExpression: { status: 'failed' },
    },
    // nextWaiting: from one webhook whose first attempts wait to the next; readPending: the oldest, but for conversations
    // that are passed over by their entries
    {
      name: 'pending_webhook_conversation',
      key: { webhookId: 1, order: 1, conversationId: 1 },
      partialFilterExpression: { status: 'pending' },
    },
    // findLost: attempts whose worker died, oldest first
    { name: 'delivering_lease', key: { leaseUntil: 1 }, partialFilterExpression: { status: 'delivering' } },
    // cancelGroupDeliveries: what is not sent of a conversation; isBehind, findFirst: the oldest of it at one webhook
    {
      name: 'conversation_status_order',
      key: { conversationId: 1, status: 1, webhookId: 1, order: 1 },
      partialFilterExpression: { conversationId: { $type: 'string' } },
    },
    // leaseBatch, recordLost: the messages of a batch; deliveries that go by themselves have no entry
    { name: 'batch', key: { batchId: 1, status: 1 }, partialFilterExpression: { batchId: { $exists: true } } },
    // saveDeliveries: the newest presence of a subject that a webhook has been told of, or is going to be
    {
      name: 'webhook_subject_version',
      key: { webhookId: 1, subjectId: 1, subjectVersion: -1 },
      partialFilterExpression: { subjectId: { $type: 'string' } },
    },
    // listDeadLetters: newest first; countDeadLetters
    { name: 'dead_at', key: { deadAt: -1, _id: -1 }, partialFilterExpression: { deadAt: { $type: 'date' } } },
    // dropDeliveries: everything of a deleted account
    { name: 'agent', key: { agentId: 1 } },
    // readers do not rely on it
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 },
  ],
});

/** Finds by a field that only some deliveries have; the type is asked for too, or MongoDB would not take the partial index. */
export const exactly = (text: string) => ({ $eq: text, $type: 'string' as const });

/**
 * Value of `order`: by delivery position, which grows in the order of the commits whatever the clocks of the apis say,
 * then by time: what is no message comes behind the last one before it.
 */
export function deliveryOrder(position: number, at: Date): string {
  const hex = (value: number) => value.toString(16).padStart(12, '0');
  return `${hex(position)}:${hex(at.getTime())}`;
}
