import type { Breaker } from './webhook-breaker';

/** Where a webhook in trouble stands: what the flow waits for and operators read. Holds no URL and no content. */
export interface WebhookHealth {
  stage: WebhookStage;
  breaker: Breaker['state'];
  consecutiveFailures: number;
  /** First attempts that wait, and failed deliveries; counted up to 1,000 each. */
  pending: number;
  failed: number;
  /** When to look again, epoch ms; null = there is nothing to wait for. */
  nextAt: number | null;
}

export type WebhookStage = 'retrying' | 'circuit_open' | 'probing' | 'paused' | 'disabled' | 'deleted' | 'healthy';

/** What a round of attempts did. */
export interface AttemptCounts {
  attempted: number;
  delivered: number;
  dead: number;
}

/** How often a paused webhook is looked at when nobody tells of its release. */
const PAUSED_CHECK_MS = 3_600_000;
/** How soon again while another attempt has the probe, or all places on the wire are taken. */
const BUSY_CHECK_MS = 1_000;
const PROBE_CHECK_MS = 5_000;

/** What there is to know of a webhook for its next step. */
export interface WebhookFacts {
  active: boolean;
  held: 'paused' | null;
  breaker: Breaker;
  /** Of its failed deliveries. */
  earliestDue: Date | null;
  /** Something can be attempted as soon as the circuit lets it. */
  isWaiting: boolean;
}

/** Which stage a webhook is in at `now`, and when to look at it again. */
export function stageOf(facts: WebhookFacts | null, now: Date): Pick<WebhookHealth, 'stage' | 'nextAt'> {
  const nowMs = now.getTime();
  if (facts === null) return { stage: 'deleted', nextAt: null };
  if (!facts.active) return { stage: 'disabled', nextAt: null };
  const { breaker, earliestDue, isWaiting } = facts;
  const dueMs = earliestDue?.getTime() ?? null;
  if (dueMs === null && !isWaiting) return { stage: 'healthy', nextAt: null };
  if (facts.held !== null) return { stage: 'paused', nextAt: nowMs + PAUSED_CHECK_MS };
  if (breaker.state === 'half_open') return { stage: 'probing', nextAt: nowMs + PROBE_CHECK_MS };
  if (breaker.state === 'open') {
    const openMs = breaker.openUntil?.getTime() ?? nowMs;
    return { stage: 'circuit_open', nextAt: Math.max(nowMs, openMs, isWaiting ? 0 : (dueMs ?? 0)) };
  }
  // First attempts of a closed circuit are the relay's.
  if (dueMs === null) return { stage: 'healthy', nextAt: null };
  return { stage: 'retrying', nextAt: dueMs > nowMs ? dueMs : nowMs + BUSY_CHECK_MS };
}
