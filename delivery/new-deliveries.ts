import { DELIVERY_KEEP_MS } from '../contract/limits';
import { isToldOf } from '../domain/webhook-told';
import { presentWebhookEvent } from '../presenters/webhook-event';
import type { Delivery } from '../store/schema/collections/deliveries';
import type { Webhook } from '../store/schema/collections/webhooks';
import { eventIdOf, webhookDeliveryId } from '../store/schema/webhook-ids';
import type { WebhookNews } from './describe-intent';

/** To whom, and behind what. */
export interface Addressed {
  /** The webhooks of the target, inactive ones too. */
  webhooks: Webhook[];
  /** Of the intent: webhooks that came later get nothing. */
  webhookVersion: number;
  /** Where it stands among the deliveries of one webhook. */
  order: string;
  /** Of a pause that ended. */
  isReleased?: boolean;
  now: Date;
}

/**
 * One delivery for each webhook that lists the event and was there when it happened; for one that is inactive a record of
 * what it missed.
 */
export function newDeliveries(
  news: WebhookNews,
  { webhooks, webhookVersion, order, isReleased = false, now }: Addressed,
): Delivery[] {
  const eventId = eventIdOf(news.key);
  const body = presentWebhookEvent({ ...news, eventId });
  return webhooks
    .filter((webhook) => isToldOf(webhook, news.event) && webhook.fromVersion <= webhookVersion)
    .map(({ _id: webhookId, agentId, active }) => ({
      _id: webhookDeliveryId(eventId, webhookId),
      webhookId,
      agentId,
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
      ...(active ? {} : missed(now)),
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
