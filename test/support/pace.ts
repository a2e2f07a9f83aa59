import { setTimeout as after } from 'node:timers/promises';

/**
 * Lets `ms` pass between two steps of whoever makes load, for the `reason` that the call states: to meet the other side
 * at another moment, or to call no faster than a client would. No effect may be expected of it: for that there is `waitFor`.
 */
export function pace(ms: number, reason: string): Promise<void> {
  if (reason === '') throw new Error('a pace has a reason');
  return after(ms);
}
