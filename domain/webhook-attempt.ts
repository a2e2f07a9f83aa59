import { WEBHOOK_ATTEMPTS_MAX, webhookRetryDelayMs } from './webhook-retry';

/** webhooks.md §7: what an attempt means for its delivery. */

/** How an exchange ended: an answer, a fault before one, or an attempt whose worker died. */
export type AttemptOutcome =
  | {
      kind: 'answered';
      status: number;
      retryAfterMs: number | null;
      error: string;
      /** There when the receiver wants this delivery no more: `webhook-delivery: abort-message` (webhooks.md §11.2). */
      isAborted?: true;
    }
  | { kind: 'fault'; error: string }
  | { kind: 'lost' };

/** What a delivery becomes. Delays are durable: they stand in the row. */
export type DeliveryVerdict =
  | { to: 'delivered'; status: number }
  | { to: 'failed'; status: number | null; error: string; nextAttemptAt: Date }
  | { to: 'dead'; status: number | null; error: string }
  | { to: 'cancelled'; status: number | null; error: string };

export const BLOCKED_ADDRESS = 'blocked_address';
export const WORKER_LOST = 'worker_lost';
const GONE = 410;
const ERROR_LENGTH_MAX = 1_024;

export const isDelivered = (outcome: AttemptOutcome): boolean =>
  outcome.kind === 'answered' && outcome.status >= 200 && outcome.status <= 299;

/** The receiver wants nothing more: the webhook becomes inactive. */
export const isGone = (outcome: AttemptOutcome): boolean => outcome.kind === 'answered' && outcome.status === GONE;

/** The receiver wants this one delivery no more, whatever else it answered but a success. */
export const isAborted = (outcome: AttemptOutcome): boolean =>
  outcome.kind === 'answered' && outcome.isAborted === true && !isDelivered(outcome);

/** Why an attempt failed, in our own words; null of a success. */
export function errorOf(outcome: AttemptOutcome): string | null {
  if (isDelivered(outcome)) return null;
  return (outcome.kind === 'lost' ? WORKER_LOST : outcome.error).slice(0, ERROR_LENGTH_MAX);
}

/** Whether a failure says something about the endpoint's health (§7.1). */
export const countsForBreaker = (outcome: AttemptOutcome): boolean =>
  !isGone(outcome) && outcome.kind !== 'lost' && !(outcome.kind === 'fault' && outcome.error === BLOCKED_ADDRESS);

/**
 * What the delivery becomes after its attempt `attempt` ended at `at`. An attempt whose worker died counts and is
 * repeated at once: the receiver did nothing to be spared.
 * @param random between 0 and 1
 * @param attemptsMax after which it is given up
 */
export function verdictOf(
  outcome: AttemptOutcome,
  {
    attempt,
    at,
    random,
    attemptsMax = WEBHOOK_ATTEMPTS_MAX,
  }: { attempt: number; at: Date; random: number; attemptsMax?: number },
): DeliveryVerdict {
  const status = outcome.kind === 'answered' ? outcome.status : null;
  if (status !== null && isDelivered(outcome)) return { to: 'delivered', status };
  const error = errorOf(outcome) ?? '';
  if (isGone(outcome) || isAborted(outcome)) return { to: 'cancelled', status, error };
  const delayMs = webhookRetryDelayMs(attempt, random, outcome.kind === 'answered' ? outcome.retryAfterMs : null);
  if (delayMs === null || attempt >= attemptsMax) return { to: 'dead', status, error };
  const waitMs = outcome.kind === 'lost' ? 0 : delayMs;
  return { to: 'failed', status, error, nextAttemptAt: new Date(at.getTime() + waitMs) };
}
