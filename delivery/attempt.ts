import { BATCH_EVENT } from '../contract/events';
import type { AttemptOutcome } from '../domain/webhook-attempt';
import { parseRetryAfterMs } from '../domain/webhook-retry';
import type { Egress, Exchange } from '../platform/egress/egress';
import type { Logger } from '../platform/logger';
import type { Metrics } from '../platform/metrics';
import { presentWebhookBatch } from '../presenters/webhook-event';
import type { Lease } from '../store/webhooks/attempts/leases';
import type { AttemptRecord, Delivery } from '../store/schema/collections/deliveries';
import type { Webhook } from '../store/schema/collections/webhooks';
import type { Database } from '../store/schema/database';
import { activePrivateKeys, activeSecrets } from './active-secrets';
import { attemptRecord, digestsOf, withoutSignatures } from './attempt-record';
import { webhookHeaders } from './signing';

/** What attempts are made with; one per worker process. */
export interface AttemptDeps {
  database: Database;
  egress: Egress;
  /** The secret as it was shown to the user. @throws when its key is gone */
  openSecret: (webhook: Pick<Webhook, '_id' | 'secret'>) => string;
  /** Moves envelopes that are still stored to delivered. */
  ack: (command: { recipientId: string; positions: number[]; deliveredAt: Date }) => Promise<void>;
  metrics: Metrics;
  log: Logger;
  /** True once the process ends: what is cut off then says nothing about the receiver. */
  isStopping: () => boolean;
}

/** How an attempt ended, and what is kept of it. */
export interface Attempted {
  outcome: AttemptOutcome;
  record: AttemptRecord;
  sent?: Delivery['sent'];
}

/** The header by which a receiver asks for no more attempts of a delivery, and its value (webhooks.md §11.2). */
const DELIVERY_HEADER = 'webhook-delivery';
const ABORT = 'abort-message';

/**
 * One attempt on the wire: the URL and the secrets are those of now, the body is that of the first attempt. Never throws.
 * @param now of the attempt: it is signed with this time
 */
export async function attempt(deps: AttemptDeps, lease: Lease, now: Date): Promise<Attempted> {
  const { delivery } = lease;
  const startedMs = performance.now();
  const { outcome, exchange, headers, secrets } = await send(deps, lease, now);
  const durationMs = Math.round(performance.now() - startedMs);
  deps.metrics.webhookAttemptSeconds.observe(durationMs / 1_000);
  deps.metrics.webhookAttempts.inc({ outcome: labelOf(outcome), attempt: delivery.attempts === 1 ? 'first' : 'retry' });
  const hidden = [...secrets, ...digestsOf(headers)];
  const record = attemptRecord({ attempt: delivery.attempts, at: now, durationMs, outcome, exchange, hidden });
  return { outcome, record, sent: exchange === null ? undefined : withoutSignatures(headers) };
}

/** What was sent with which secrets, and what came of it. */
interface Sent {
  outcome: AttemptOutcome;
  /** Null when nothing was sent. */
  exchange: Exchange | null;
  headers: Record<string, string>;
  secrets: readonly string[];
}

async function send({ egress, openSecret, log, isStopping }: AttemptDeps, lease: Lease, now: Date): Promise<Sent> {
  const { webhook } = lease;
  const secrets = activeSecrets({ openSecret, log }, webhook, now);
  if (secrets === null) {
    return { outcome: { kind: 'fault', error: 'secret_unavailable' }, exchange: null, headers: {}, secrets: [] };
  }
  const { body, ...content } = contentOf(lease, now);
  const { legacySignature } = webhook;
  const privateKeys = activePrivateKeys({ openSecret, log }, webhook, now);
  const signed = { body, secrets, privateKeys, legacySignature, now };
  const headers = webhookHeaders({ ...content, attempt: lease.delivery.attempts, ...signed });
  const exchange = await egress.post(webhook.url, { headers, body });
  const outcome = exchange.kind === 'fault' && isStopping() ? { kind: 'lost' as const } : outcomeOf(exchange, now);
  return { outcome, exchange, headers, secrets };
}

/** What the request carries: one event in the bytes that its delivery keeps, or those of a batch in their envelope. */
function contentOf({ delivery, batch }: Lease, now: Date): { deliveryId: string; event: string; body: Buffer } {
  const { _id, batchId: id = _id, firstAttemptAt } = delivery;
  if (batch === undefined) return { deliveryId: _id, event: delivery.event, body: Buffer.from(delivery.body) };
  const text = presentWebhookBatch({ id, at: firstAttemptAt ?? now, bodies: batch.map(({ body }) => body) });
  return { deliveryId: id, event: BATCH_EVENT, body: Buffer.from(text) };
}

function outcomeOf(exchange: Exchange, now: Date): AttemptOutcome {
  if (exchange.kind === 'fault') return { kind: 'fault', error: exchange.error };
  const { status, error, retryAfter, headers } = exchange;
  const isAborted = headers[DELIVERY_HEADER]?.trim().toLowerCase() === ABORT;
  const answered = { kind: 'answered' as const, status, error, retryAfterMs: parseRetryAfterMs(retryAfter, now) };
  return isAborted ? { ...answered, isAborted } : answered;
}

/** `2xx`, `4xx`, …, or the fault: few values, and none that a receiver could make up. */
function labelOf(outcome: AttemptOutcome): string {
  if (outcome.kind === 'answered') return `${Math.floor(outcome.status / 100)}xx`;
  return outcome.kind === 'lost' ? 'lost' : (outcome.error.split(' ')[0] ?? 'fault');
}
