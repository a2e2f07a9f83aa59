import type { WebhookDeliveryDetail, WebhookDeliveryView } from '../contract/webhook-log';
import { holdOf } from '../domain/webhook-hold';
import { attemptsMaxOf } from '../domain/webhook-retry';
import type { AttemptRecord, Delivery } from '../store/schema/collections/deliveries';
import type { Webhook } from '../store/schema/collections/webhooks';
import type { ListedDelivery } from '../store/webhooks/log/delivery-log';

/** A delivery as the agent sees it whose webhook it is for. */
export function presentDelivery(
  delivery: ListedDelivery,
  webhook: Pick<Webhook, 'held' | 'breaker'>,
  now: Date,
): WebhookDeliveryView {
  return {
    id: delivery._id,
    webhook_id: delivery.webhookId,
    event: delivery.event,
    event_id: delivery.eventId,
    status: delivery.status,
    attempts: delivery.attempts,
    max_attempts: attemptsMaxOf(delivery.event),
    next_attempt_at: iso(delivery.nextAttemptAt),
    delivered_at: iso(delivery.deliveredAt),
    created_at: delivery.createdAt.toISOString(),
    held: holdOf(delivery, webhook, now),
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    replay_of: delivery.replayOf,
  };
}

/** The same with what was sent and what came of every attempt. Rows of earlier versions have no record of attempts. */
export function presentDeliveryDetail(
  delivery: Delivery,
  webhook: Pick<Webhook, 'held' | 'breaker'>,
  now: Date,
): WebhookDeliveryDetail {
  const { sent = [], body, log = [] } = delivery;
  return {
    ...presentDelivery(delivery, webhook, now),
    request: { headers: Object.fromEntries(sent), body },
    attempts_log: log.map(presentAttempt),
  };
}

function presentAttempt({ attempt, at, durationMs, status, error, headers, body, remoteIp }: AttemptRecord) {
  return {
    attempt,
    at: at.toISOString(),
    duration_ms: durationMs,
    status,
    error,
    response_headers: Object.fromEntries(headers),
    response_body: body,
    remote_ip: remoteIp,
  };
}

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;
