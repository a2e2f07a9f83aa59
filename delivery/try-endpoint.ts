import { sampleOf, type WebhookTestResult } from '../domain/webhook-samples';
import type { TestRow } from '../store/webhooks/webhook-tests';
import { eventIdOf } from '../store/schema/webhook-ids';
import { activePrivateKeys, activeSecrets } from './active-secrets';
import type { AttemptDeps } from './attempt';
import { webhookHeaders } from './signing';

/**
 * One request with a sample event, signed and sent as every attempt is (webhooks.md §11.4). It is no delivery: nothing is
 * stored, no envelope and no circuit hears of it. Never throws.
 */
export async function tryEndpoint(
  { egress, openSecret, log }: Pick<AttemptDeps, 'egress' | 'openSecret' | 'log'>,
  { _id: testId, endpoint, event, handle }: TestRow,
  now: Date,
): Promise<WebhookTestResult> {
  const secrets = activeSecrets({ openSecret, log }, endpoint, now);
  if (secrets === null) return { delivered: false, status: null, durationMs: 0, error: 'secret_unavailable' };
  const { legacySignature } = endpoint;
  const data = sampleOf(event, { webhookId: endpoint._id, handle, at: now });
  const content = { event, timestamp: now.toISOString(), data, id: eventIdOf(testId), test: true };
  const body = Buffer.from(JSON.stringify(content));
  const privateKeys = activePrivateKeys({ openSecret, log }, endpoint, now);
  const signed = { body, secrets, privateKeys, legacySignature, now };
  const headers = webhookHeaders({ deliveryId: testId, event, attempt: 1, ...signed });
  const startedMs = performance.now();
  const result = await egress.post(endpoint.url, { headers, body });
  const durationMs = Math.round(performance.now() - startedMs);
  const status = result.kind === 'answered' ? result.status : null;
  const delivered = status !== null && status >= 200 && status <= 299;
  return { delivered, status, durationMs, error: delivered ? null : result.error };
}
