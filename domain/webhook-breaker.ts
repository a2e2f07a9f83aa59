/** webhooks.md §7.1: the circuit of one endpoint. Pure: what happened and when comes in, the next state comes out. */

export interface Breaker {
  state: 'closed' | 'open' | 'half_open';
  /** Failures in a row. */
  consecutive: number;
  /** Times of the newest failures, oldest first, at most 10. */
  windowFailures: Date[];
  lastFailureAt: Date | null;
  /** End of the cool-down while open. */
  openUntil: Date | null;
  /** Token of the one attempt that is let through half-open. */
  probe: string | null;
  /** After a recovery: how many attempts may be on the wire at once. Grows with each success; null = no such limit. */
  ramp: number | null;
}

export const CLOSED_BREAKER: Breaker = {
  state: 'closed',
  consecutive: 0,
  windowFailures: [],
  lastFailureAt: null,
  openUntil: null,
  probe: null,
  ramp: null,
};

const CONSECUTIVE_MAX = 5;
const WINDOW_FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
/** Failures further apart than this have nothing to do with each other. */
const FORGET_MS = 120_000;
export const COOL_DOWN_MS = 300_000;
/** From here on waiting deliveries are released without a limit of their own. */
const RAMP_END = 10;

/** After a 2xx of the attempt `token`. Only the probe closes the circuit; any 2xx resets the counters. */
export function afterSuccess(breaker: Breaker, token: string): Breaker {
  if (breaker.state === 'half_open' && breaker.probe === token) return { ...CLOSED_BREAKER, ramp: 1 };
  const ramp = breaker.ramp === null || breaker.ramp + 1 >= RAMP_END ? null : breaker.ramp + 1;
  return { ...breaker, consecutive: 0, windowFailures: [], lastFailureAt: null, ramp };
}

/** After a failure that counts (not a 410, not a forbidden address). One that ends late restarts the cool-down. */
export function afterFailure(breaker: Breaker, at: Date): Breaker {
  if (breaker.state !== 'closed') return opened(breaker, at);
  const isFresh = breaker.lastFailureAt !== null && at.getTime() - breaker.lastFailureAt.getTime() <= FORGET_MS;
  const consecutive = (isFresh ? breaker.consecutive : 0) + 1;
  const windowFailures = [...(isFresh ? breaker.windowFailures : []), at]
    .filter((time) => at.getTime() - time.getTime() <= WINDOW_MS)
    .slice(-WINDOW_FAILURES_MAX);
  const counted = { ...breaker, consecutive, windowFailures, lastFailureAt: at };
  const isOver = consecutive >= CONSECUTIVE_MAX || windowFailures.length >= WINDOW_FAILURES_MAX;
  return isOver ? opened(counted, at) : counted;
}

/** After an attempt that says nothing about the endpoint: a probe that came to nothing needs another cool-down. */
export function afterNothing(breaker: Breaker, token: string, at: Date): Breaker {
  return breaker.state === 'half_open' && breaker.probe === token ? opened(breaker, at) : breaker;
}

/** The probe that is let through once the cool-down is over. */
export function halfOpened(breaker: Breaker, token: string): Breaker {
  return { ...breaker, state: 'half_open', openUntil: null, probe: token };
}

function opened(breaker: Breaker, at: Date): Breaker {
  const openUntil = new Date(at.getTime() + COOL_DOWN_MS);
  return { ...breaker, state: 'open', lastFailureAt: at, openUntil, probe: null, ramp: null };
}
