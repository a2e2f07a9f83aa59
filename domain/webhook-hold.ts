import type { Breaker } from './webhook-breaker';

/** Why a delivery that could go waits (webhooks.md §11.1). */
export type Hold = 'circuit_open' | 'paused';

/**
 * What keeps a delivery from its next attempt beside its own delay; null when nothing does, or none comes. A circuit
 * whose cool-down is over before the attempt is due does not.
 */
export function holdOf(
  { status, nextAttemptAt }: { status: string; nextAttemptAt: Date | null },
  { held, breaker }: { held: 'paused' | null; breaker: Pick<Breaker, 'state' | 'openUntil'> },
  now: Date,
): Hold | null {
  if (status !== 'pending' && status !== 'failed') return null;
  if (held !== null) return held;
  if (breaker.state === 'closed') return null;
  const openMs = Math.max(now.getTime(), breaker.openUntil?.getTime() ?? 0);
  return nextAttemptAt === null || nextAttemptAt.getTime() <= openMs ? 'circuit_open' : null;
}
