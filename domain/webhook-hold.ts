import type { Breaker } from './webhook-breaker';

/** Why a delivery that could go waits (webhooks.md §11.1). */
export type Hold = 'circuit_open' | 'paused' | 'ordering';

/**
 * What keeps a delivery from its next attempt beside its own delay; null when nothing does, or none comes. A circuit
 * whose cool-down is over before the attempt is due does not. One that waits for an earlier delivery is told so also
 * while the circuit is open: it would wait anyway.
 * @param isBehind an earlier one of its conversation is unfinished, and its webhook keeps their order
 */
export function holdOf(
  { status, nextAttemptAt }: { status: string; nextAttemptAt: Date | null },
  { held, breaker }: { held: 'paused' | null; breaker: Pick<Breaker, 'state' | 'openUntil'> },
  now: Date,
  isBehind = false,
): Hold | null {
  if (status !== 'pending' && status !== 'failed') return null;
  if (held !== null) return held;
  if (isBehind) return 'ordering';
  if (breaker.state === 'closed') return null;
  const openMs = Math.max(now.getTime(), breaker.openUntil?.getTime() ?? 0);
  return nextAttemptAt === null || nextAttemptAt.getTime() <= openMs ? 'circuit_open' : null;
}
