import { verdictOf, type AttemptOutcome } from '../domain/webhook-attempt';
import { parseRetryAfterMs } from '../domain/webhook-retry';
import type { Egress } from '../platform/egress/egress';
import type { Logger } from '../platform/logger';
import { presentExecution } from '../presenters/gateway';
import { loadCallback, urlOwner, type Callback, type CallbackSecrets } from '../store/gateway/callbacks';
import { readToolEvents } from '../store/gateway/events';
import type { Database } from '../store/schema/database';
import { webhookHeaders } from './signing';

export interface CallbackDeps {
  database: Database;
  egress: Egress;
  secrets: CallbackSecrets;
  log: Logger;
}

/** What came of one attempt to tell the end of a task. */
export type CallbackResult = { kind: 'told' | 'given up' } | { kind: 'waiting'; waitMs: number };

/**
 * Tells the end of a task once, as webhooks are sent: signed, with the rules for addresses checked again, and the same
 * pauses between attempts (gateway.md §12.5). May come twice to a receiver, which knows it by its id.
 * @param attempt from 1
 */
export async function attemptCallback(
  deps: CallbackDeps,
  executionId: string,
  attempt: number,
): Promise<CallbackResult> {
  const found = await loadCallback(deps.database, executionId);
  if (found === null) {
    deps.log.warn({ event: 'callback.no_secret', executionId });
    return { kind: 'given up' };
  }
  const { url: sealedUrl, signer, secret } = found;
  const now = new Date();
  const event = `execution.${found.execution.status}`;
  const body = await bodyOf(deps.database, event, found);
  const headers = webhookHeaders({
    deliveryId: executionId,
    event,
    attempt,
    body,
    secrets: [deps.secrets.open(signer.id, secret)],
    legacySignature: false,
    now,
  });
  const result = await deps.egress.post(deps.secrets.open(urlOwner(signer), sealedUrl), { headers, body });
  const outcome: AttemptOutcome =
    result.kind === 'fault' ? result : { ...result, retryAfterMs: parseRetryAfterMs(result.retryAfter, now) };
  const verdict = verdictOf(outcome, { attempt, at: now, random: Math.random() });
  if (verdict.to === 'delivered') return { kind: 'told' };
  deps.log.info({ event: 'callback.failed', executionId, attempt, error: verdict.error });
  return verdict.to === 'failed'
    ? { kind: 'waiting', waitMs: verdict.nextAttemptAt.getTime() - now.getTime() }
    : { kind: 'given up' };
}

async function bodyOf(database: Database, event: string, { agent, execution }: Callback): Promise<Buffer> {
  const data = presentExecution(agent, execution, await readToolEvents(database, execution), null);
  return Buffer.from(JSON.stringify({ event, timestamp: data.completed_at, data }));
}
