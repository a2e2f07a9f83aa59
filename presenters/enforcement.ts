import type { EnforcementCountsView, EnforcementStateView, TransitionView } from '../contract/enforcement';
import { RESTRICTION_BLOCKS, SUSPENSION_BLOCKS, SUSPENSION_REPORTS } from '../contract/limits';
import type { EnforcementCounts } from '../domain/enforcement';
import type { Agent } from '../store/schema/collections/agents';
import type { EnforcementTransition } from '../store/schema/collections/enforcement';
import type { EnforcementOverview } from '../store/enforcement/enforcement-view';

/** An agent's enforcement as operators see it: with who blocked and reported. */
export function presentEnforcement(
  agent: Pick<Agent, '_id' | 'handle' | 'status' | 'statusSource'>,
  { state, decision, evidence, pending, history }: EnforcementOverview,
): EnforcementStateView {
  return {
    agent_id: agent._id,
    handle: agent.handle,
    status: agent.status,
    source: agent.statusSource ?? 'community',
    is_sticky: state.isSticky,
    since: state.since?.toISOString() ?? null,
    baseline: state.baseline?.toISOString() ?? null,
    counts: presentCounts(decision.counts),
    thresholds: THRESHOLDS,
    counting_blocks: evidence.blocks.map((row) => presentRow(row._id, row.blockerId, row.createdAt)),
    counting_reports: evidence.reports.map((row) => presentRow(row._id, row.reporterId, row.createdAt)),
    next_evaluation_at: decision.nextEvaluationAt?.toISOString() ?? null,
    pending_evaluations: pending,
    history: history.map(presentTransition),
  };
}

const THRESHOLDS: EnforcementCountsView = {
  blocks_24h: RESTRICTION_BLOCKS,
  blocks_7d: SUSPENSION_BLOCKS,
  reports_7d: SUSPENSION_REPORTS,
};

function presentTransition(transition: EnforcementTransition): TransitionView {
  const { number, from, to, source, trigger, operator, note, counts, thresholds, at, settledAt } = transition;
  return {
    number,
    from,
    to,
    source,
    trigger,
    operator,
    note,
    counts: presentCounts(counts),
    thresholds: presentCounts(thresholds),
    block_ids: transition.blockIds,
    report_ids: transition.reportIds,
    at: at.toISOString(),
    side_effects_done_at: settledAt?.toISOString() ?? null,
  };
}

const presentCounts = ({ blocksInDay, blocksInWeek, reportsInWeek }: EnforcementCounts): EnforcementCountsView => ({
  blocks_24h: blocksInDay,
  blocks_7d: blocksInWeek,
  reports_7d: reportsInWeek,
});

const presentRow = (id: string, by: string, createdAt: Date) => ({ id, by, created_at: createdAt.toISOString() });
