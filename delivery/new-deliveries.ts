import { DELIVERY_KEEP_MS } from '../contract/webhook-limits';
import { passesFilter } from '../domain/webhook-filter';
import { presentWebhookEvent } from '../presenters/webhook-event';
import type { Delivery } from '../store/schema/collections/deliveries';
import type { Webhook } from '../store/schema/collections/webhooks';
import { eventIdOf, webhookDeliveryId } from '../store/schema/webhook-ids';
import type { WebhookNews } from './describe-intent';

/** To whom, and behind what. */
export interface Addressed {
  /** Those of the target that are told of what happened then (`domain/webhook-activity.ts`). */
  webhooks: Webhook[];
  /** Those that were not active then: each is left a record of what it missed. */
  missedBy?: Webhook[];
  /** Where it stands among the deliveries of one webhook. */
  order: string;
  /** Of a pause that ended. */
  isReleased?: boolean;
  now: Date;
}

/**
 * One delivery for each of these webhooks that lists the event and whose filter lets it through; for those that missed it
 * a record of that.
 */
export function newDeliveries(
  news: WebhookNews,
  { webhooks, missedBy = [], order, isReleased = false, now }: Addressed,
): Delivery[] {
  const eventId = eventIdOf(news.key);
  const body = presentWebhookEvent({ ...news, eventId });
  const missing = new Set(missedBy);
  return [...webhooks, ...missedBy]
    .filter(({ events, filter }) => events.includes(news.event) && passesFilter(filter, news.traits))
    .map((webhook) => ({
      _id: webhookDeliveryId(eventId, webhook._id),
      webhookId: webhook._id,
      agentId: webhook.agentId,
      event: news.event,
      eventId,
      body,
      status: 'pending',
      attempts: 0,
      nextAttemptAt: now,
      lastStatus: null,
      lastError: null,
      firstAttemptAt: null,
      lastAttemptAt: null,
      deliveredAt: null,
      deadAt: null,
      replayedAt: null,
      replayedAsId: null,
      replayOf: null,
      createdAt: now,
      order,
      ...(isReleased ? { released: true as const } : {}),
      ...news.kept,
      expiresAt: null,
      ...(missing.has(webhook) ? missed(now) : {}),
    }));
}

/** Not sent, but kept: a recovery can send it (webhooks.md Decision 12). */
function missed(now: Date): Pick<Delivery, 'status' | 'cancelledFor' | 'nextAttemptAt' | 'lastError' | 'expiresAt'> {
  return {
    status: 'cancelled',
    cancelledFor: 'inactive',
    nextAttemptAt: null,
    lastError: 'webhook_inactive',
    expiresAt: new Date(now.getTime() + DELIVERY_KEEP_MS),
  };
}
