/** webhooks.md §7: when a failed attempt is repeated. Import-free, so that workflows can use it. */

/** Delays after failure 1…8; after the ninth there is no further attempt. */
const DELAYS_MS = [10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000] as const;

export const WEBHOOK_ATTEMPTS_MAX = DELAYS_MS.length + 1;

/** webhooks.md §11.7: a presence of a minute ago says nothing any more. */
const PRESENCE_ATTEMPTS_MAX = 3;

/** How many attempts a delivery of this event gets. */
export const attemptsMaxOf = (event: string): number =>
  event === 'presence.update' ? PRESENCE_ATTEMPTS_MAX : WEBHOOK_ATTEMPTS_MAX;

/** The longest wait that a receiver can ask for. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/** Deliveries that failed together must not all come back at the same moment. */
const JITTER = 0.1;

/**
 * The wait after the failed attempt with this number (from 1), or null when it was the last: never shorter than the
 * table or than what the receiver asked for.
 * @param random between 0 and 1
 * @param retryAfterMs of the answer, null when it had none
 */
export function webhookRetryDelayMs(attempt: number, random: number, retryAfterMs: number | null): number | null {
  const tableMs = DELAYS_MS[attempt - 1];
  if (tableMs === undefined) return null;
  return Math.max(Math.ceil(tableMs * (1 + JITTER * random)), Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX));
}

/** `Sun, 06 Nov 1994 08:49:37 GMT`: of the three forms the one that may still be sent (RFC 9110 §5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** What a `Retry-After` header asks for in milliseconds from `now`; null when it is absent or malformed. */
export function parseRetryAfterMs(header: string | undefined, now: Date): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, RETRY_AFTER_MS_MAX);
  if (!HTTP_DATE.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.min(Math.max(0, at - now.getTime()), RETRY_AFTER_MS_MAX);
}
