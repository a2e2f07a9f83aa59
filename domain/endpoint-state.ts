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
