import type { EnforcementTrigger } from '../domain/enforcement';
import type { Orders } from '../platform/bus';
import type { Logger } from '../platform/logger';
import type { Metrics } from '../platform/metrics';
import type { Database } from '../store/schema/database';
import { findUnsettled } from '../store/enforcement/enforcement';
import { evaluateEnforcement } from '../store/enforcement/evaluate-enforcement';
import { settleTransition } from '../store/enforcement/transitions';
import type { EnforcementCount } from '../workflows/messages/enforcement';

export interface EnforcementActivityDeps {
  database: Database;
  orders: Orders;
  metrics: Pick<Metrics, 'enforcementTransitions'>;
  log: Logger;
}

/** What an agent that does not exist any more counts. */
const GONE: EnforcementCount = {
  status: 'deleted',
  source: 'community',
  isSticky: false,
  counts: { blocksInDay: 0, blocksInWeek: 0, reportsInWeek: 0 },
  nextEvaluationAt: null,
  unsettled: [],
};

/** The side effects of enforcement. Inputs and results hold ids, states and counts; never who blocked or reported. */
export function createEnforcementActivities(deps: EnforcementActivityDeps) {
  const { database } = deps;
  return {
    /**
     * Recounts and sets the state that follows. A second run with the same rows changes nothing; one that died after
     * its commit is found in `unsettled`.
     */
    async evaluate(input: { agentId: string; trigger: EnforcementTrigger; now: number }): Promise<EnforcementCount> {
      const now = new Date(input.now);
      const seen = await evaluateEnforcement(database, { ...input, now, isFlow: true });
      if (seen === null) return GONE;
      const { status, source, isSticky, counts, nextEvaluationAt } = seen;
      const unsettled = await findUnsettled(database, input.agentId);
      return { status, source, isSticky, counts, nextEvaluationAt: nextEvaluationAt?.getTime() ?? null, unsettled };
    },

    /** Does what a transition demands, once: a second run finds it done. */
    async settleTransition({ agentId, number }: { agentId: string; number: number }): Promise<void> {
      const settled = await settleTransition(deps, agentId, number);
      if (settled !== null) deps.metrics.enforcementTransitions.inc(settled);
    },
  };
}

export type EnforcementActivities = ReturnType<typeof createEnforcementActivities>;
