import type { AttemptOutcome } from '../domain/webhook-attempt';
import { parseRetryAfterMs } from '../domain/webhook-retry';
import type { Egress } from '../platform/egress/egress';
import type { Logger } from '../platform/logger';
import type { Metrics } from '../platform/metrics';
import type { Lease } from '../store/webhooks/attempts/leases';
import type { Webhook } from '../store/schema/collections/webhooks';
import type { Database } from '../store/schema/database';
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

/**
 * One attempt on the wire: the URL and the secret are those of now, the body is that of the first attempt. Never throws.
 * @param now of the attempt: it is signed with this time
 */
export async function attempt(deps: AttemptDeps, { delivery, webhook }: Lease, now: Date): Promise<AttemptOutcome> {
  const startedMs = performance.now();
  const outcome = await exchange(deps, { delivery, webhook }, now);
  deps.metrics.webhookAttemptSeconds.observe((performance.now() - startedMs) / 1_000);
  deps.metrics.webhookAttempts.inc({ outcome: labelOf(outcome), attempt: delivery.attempts === 1 ? 'first' : 'retry' });
  return outcome;
}

async function exchange(
  { egress, openSecret, log, isStopping }: AttemptDeps,
  { delivery, webhook }: Omit<Lease, 'token'>,
  now: Date,
): Promise<AttemptOutcome> {
  let secret: string;
  try {
    secret = openSecret(webhook);
  } catch {
    log.error({ event: 'webhook.secret_unavailable', webhookId: webhook._id, mend: 'SECRET_KEYS lost a key' });
    return { kind: 'fault', error: 'secret_unavailable' };
  }
  const body = Buffer.from(delivery.body);
  const { _id: deliveryId, event, attempts } = delivery;
  const { legacySignature } = webhook;
  const headers = webhookHeaders({ deliveryId, event, attempt: attempts, body, secret, legacySignature, now });
  const result = await egress.post(webhook.url, { headers, body });
  if (result.kind === 'fault') return isStopping() ? { kind: 'lost' } : result;
  const { status, error } = result;
  return { kind: 'answered', status, error, retryAfterMs: parseRetryAfterMs(result.retryAfter, now) };
}

/** `2xx`, `4xx`, …, or the fault: few values, and none that a receiver could make up. */
function labelOf(outcome: AttemptOutcome): string {
  if (outcome.kind === 'answered') return `${Math.floor(outcome.status / 100)}xx`;
  return outcome.kind === 'lost' ? 'lost' : (outcome.error.split(' ')[0] ?? 'fault');
}
