import { setTimeout as after } from 'node:timers/promises';

export interface WaitOptions {
  /** Default 120,000: long enough for a busy machine. A shorter one is part of what a test proves. */
  timeoutMs?: number;
  /** Default 25. */
  intervalMs?: number;
  /** What is waited for, for the message at expiry. */
  describe?: string;
}

/**
 * Asks `condition` until it gives a truthy value, and returns that. Errors of the condition count as "not yet".
 * @throws Error at expiry, with what was seen last
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 120_000, intervalMs = 25, describe = 'the condition' }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const seen = await condition();
      if (isFulfilled(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    await after(intervalMs);
  } while (Date.now() < deadline);
  const state = last instanceof Error ? (last.stack ?? last.message) : JSON.stringify(last);
  throw new Error(`Waited ${timeoutMs} ms for ${describe}; last state: ${state}`);
}

function isFulfilled<T>(seen: T): seen is NonNullable<T> {
  return Boolean(seen);
}
