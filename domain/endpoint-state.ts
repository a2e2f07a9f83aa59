import type { Breaker } from './webhook-breaker';

/** How an endpoint does, in one word (webhooks.md §11.5). */
export type EndpointState = 'healthy' | 'failing' | 'circuit_open' | 'disabled';

/**
 * The state of an endpoint as its circuit knows it: `failing` from the first failure behind the last success on, and
 * `circuit_open` until a probe succeeded, also while that probe is on the wire.
 */
export function endpointStateOf({
  active,
  breaker,
}: {
  active: boolean;
  breaker: Pick<Breaker, 'state' | 'consecutive'>;
}): EndpointState {
  if (!active) return 'disabled';
  if (breaker.state !== 'closed') return 'circuit_open';
  return breaker.consecutive > 0 ? 'failing' : 'healthy';
}

/**
 * When an endpoint is attempted next, as far as that is known: of what failed the one that is due first, not before the end
 * of a cool-down, which first attempts wait for, too. Null: nothing is going to be attempted, or it is already.
 */
export function nextAttemptOf(
  { active, held, breaker }: { active: boolean; held: 'paused' | null; breaker: Pick<Breaker, 'state' | 'openUntil'> },
  { isWaiting, earliestDue }: { isWaiting: boolean; earliestDue: Date | null },
): Date | null {
  if (!active || held !== null) return null;
  if (breaker.state !== 'open' || breaker.openUntil === null) return earliestDue;
  if (isWaiting) return breaker.openUntil;
  return earliestDue !== null && earliestDue < breaker.openUntil ? breaker.openUntil : earliestDue;
}
