/** Retries of a row of the outbox whose effect fails: a pause that doubles, so that others of its kind have their turn. */

const FIRST_MS = 1_000;
/** One that can never succeed costs a try every ten minutes; one that can comes that much late at worst. */
const MAX_MS = 600_000;

/** From this many failures in a row on, half a minute, an operator is called. */
export const STUCK_FAILURES = 5;

/** How a row has failed so far; gone with the row once it succeeds. */
export interface RowFailure {
  /** In a row. */
  failures: number;
  /** When the first of them was. */
  since: Date;
  /** Until then the row is passed over. */
  retryAt: Date;
  /** Name and code of the last error: no message, which may quote what a log must not have. */
  error: string;
}

/** What a row's record of failures is after one more. */
export function afterRowFailure(
  before: RowFailure | undefined,
  { error, now }: { error: string; now: Date },
): RowFailure {
  const failures = (before?.failures ?? 0) + 1;
  const delayMs = Math.min(MAX_MS, FIRST_MS * 2 ** (failures - 1));
  return { failures, since: before?.since ?? now, retryAt: new Date(now.getTime() + delayMs), error };
}
