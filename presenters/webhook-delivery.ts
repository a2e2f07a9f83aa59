import type { WebhookDeliveryDetail, WebhookDeliveryView } from '../contract/webhook-log';
import { holdOf } from '../domain/webhook-hold';
import { attemptsMaxOf } from '../domain/webhook-retry';
import type { AttemptRecord, Delivery } from '../store/schema/collections/deliveries';
import type { Webhook } from '../store/schema/collections/webhooks';
import type { ListedDelivery } from '../store/webhooks/log/delivery-log';

/** What there is to know beside a delivery. */
export interface DeliveryFacts {
  webhook: Pick<Webhook, 'held' | 'breaker'>;
  /** Ids of those that wait for an earlier one of their conversation. */
  behind: ReadonlySet<string>;
  now: Date;
}

/** A delivery as the agent sees it whose webhook it is for. */
export function presentDelivery(
  delivery: ListedDelivery,
  { webhook, behind, now }: DeliveryFacts,
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
    held: holdOf(delivery, webhook, now, behind.has(delivery._id)),
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    replay_of: delivery.replayOf,
    batch_id: delivery.batchId ?? null,
  };
}

/** The same with what was sent and what came of every attempt. Rows of earlier versions have no record of attempts. */
export function presentDeliveryDetail(delivery: Delivery, facts: DeliveryFacts): WebhookDeliveryDetail {
  const { sent = [], body, log = [] } = delivery;
  return {
    ...presentDelivery(delivery, facts),
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
