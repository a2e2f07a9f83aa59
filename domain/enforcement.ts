import {
  RESTRICTION_BLOCKS,
  RESTRICTION_WINDOW_HOURS,
  SUSPENSION_BLOCKS,
  SUSPENSION_REPORTS,
  SUSPENSION_WINDOW_DAYS,
} from '../contract/limits';
import type { AccountStatus, StatusSource } from './guards';

/** social.md §5: what blocks and reports do to an account. Pure: rows, baseline and clock come in, a state comes out. */

export const RESTRICTION_WINDOW_MS = RESTRICTION_WINDOW_HOURS * 3_600_000;
export const SUSPENSION_WINDOW_MS = SUSPENSION_WINDOW_DAYS * 86_400_000;

/** What made somebody look: social.md §6 G10. */
export type EnforcementTrigger = 'block' | 'report' | 'unblock' | 'timer' | 'request' | 'operator';

/** What a suspended caller is told, and audit events say. */
export function suspensionReason(source: StatusSource | undefined): 'community_enforcement' | 'operator' {
  return source === 'operator' ? 'operator' : 'community_enforcement';
}

/** The account as it is, and the times of the counting rows against it, in any order. */
export interface EnforcementFacts {
  status: AccountStatus;
  source: StatusSource;
  /** Community decisions do not lift it. */
  isSticky: boolean;
  isSystem: boolean;
  /** When an operator reinstated it last: older rows do not count. */
  baseline: Date | null;
  blockTimes: readonly Date[];
  reportTimes: readonly Date[];
}

export interface EnforcementCounts {
  blocksInDay: number;
  blocksInWeek: number;
  reportsInWeek: number;
}

export interface EnforcementDecision {
  status: AccountStatus;
  counts: EnforcementCounts;
  /** When a restriction can lift by ageing: the moment after which fewer than 15 blocks are in the window. */
  nextEvaluationAt: Date | null;
}

/** Rows older than this cannot count at `now`. */
export function countingSince(baseline: Date | null, now: Date): Date {
  return new Date(Math.max(now.getTime() - SUSPENSION_WINDOW_MS, baseline?.getTime() ?? 0));
}

/** The state that the account is to have at `now`: social.md §5.1 by the transitions of §5.4. */
export function decideEnforcement(facts: EnforcementFacts, now: Date): EnforcementDecision {
  const since = countingSince(facts.baseline, now).getTime();
  const inWeek = (times: readonly Date[]) => times.map((time) => time.getTime()).filter((time) => time >= since);
  const blocks = inWeek(facts.blockTimes).sort((one, other) => other - one);
  const dayAgo = now.getTime() - RESTRICTION_WINDOW_MS;
  const counts = {
    blocksInDay: blocks.filter((time) => time >= dayAgo).length,
    blocksInWeek: blocks.length,
    reportsInWeek: inWeek(facts.reportTimes).length,
  };
  const status = nextStatus(facts, counts);
  const deciding = blocks[RESTRICTION_BLOCKS - 1];
  const canLift = status === 'restricted' && deciding !== undefined && !isHeld(facts);
  // A row is in the window at its end, too: it leaves it a millisecond later.
  return { status, counts, nextEvaluationAt: canLift ? new Date(deciding + RESTRICTION_WINDOW_MS + 1) : null };
}

function nextStatus(facts: EnforcementFacts, counts: EnforcementCounts): AccountStatus {
  const { status } = facts;
  if (facts.isSystem || status === 'deleted' || status === 'suspended') return status;
  if (counts.blocksInWeek >= SUSPENSION_BLOCKS || counts.reportsInWeek >= SUSPENSION_REPORTS) return 'suspended';
  if (counts.blocksInDay >= RESTRICTION_BLOCKS) return 'restricted';
  return status === 'restricted' && isHeld(facts) ? 'restricted' : 'active';
}

/** Set or held by an operator: only an operator lifts it. */
function isHeld({ source, isSticky }: EnforcementFacts): boolean {
  return source === 'operator' || isSticky;
}
