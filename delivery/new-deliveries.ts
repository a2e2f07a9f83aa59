import type { Delivery } from '../store/schema/collections/deliveries';
import type { Webhook } from '../store/schema/collections/webhooks';
import { eventIdOf, webhookDeliveryId } from '../store/schema/webhook-ids';
import type { WebhookNews } from './describe-intent';

/** To whom, and behind what. */
export interface Addressed {
  /** The active webhooks of the target. */
  webhooks: Webhook[];
  /** Of the intent: webhooks that came later get nothing. */
  webhookVersion: number;
  /** Where it stands among the deliveries of one webhook. */
  order: string;
  /** Of a pause that ended. */
  isReleased?: boolean;
  now: Date;
}

/** One delivery for each webhook that lists the event and was there when it happened. */
export function newDeliveries(
  news: WebhookNews,
  { webhooks, webhookVersion, order, isReleased = false, now }: Addressed,
): Delivery[] {
  const eventId = eventIdOf(news.key);
  const body = bodyOf(news, eventId);
  return webhooks
    .filter(({ events, fromVersion }) => events.includes(news.event) && fromVersion <= webhookVersion)
    .map(({ _id: webhookId, agentId }) => ({
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
    }));
}

/** Made once: every attempt and every redelivery sends these bytes (webhooks.md §4). */
function bodyOf({ event, at, data }: WebhookNews, eventId: string): string {
  const text = `{"event":"${event}","timestamp":"${at.toISOString()}","data":${data},"id":"${eventId}"}`;
  // Only whole characters have a form in UTF-8. All of this text is JSON, so they can stand escaped.
  return text.replace(/\p{Surrogate}/gu, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
}
