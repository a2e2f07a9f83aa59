import type { EnforcementTrigger } from '../domain/enforcement';
import type { EnforcementFlows } from '../platform/flows/enforcement';
import { findFlowSubject } from '../store/agents/flow-subjects';
import { findOverdue } from '../store/enforcement/enforcement';
import { findRows, removeRows } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';

/** Agents of one sweep: bounded, the next sweep takes the rest. */
const SWEPT_MAX = 100;
/** A flow evaluates within a second of its timer; later than this it was ended, or nobody runs it. */
const OVERDUE_MS = 30_000;
/** How often overdue restrictions are swept up: a flow that nobody runs must not gather signals. */
const SWEEP_EVERY_MS = 60_000;

interface Deps {
  database: Database;
  flows: EnforcementFlows;
}

/**
 * Makes certain that every recorded request for an evaluation reaches the flow, and that a restriction whose flow was
 * ended by hand lifts all the same. A crash between signal and delete repeats the signal, which changes nothing.
 */
export function createEnforcementRelay(deps: Deps) {
  const { database } = deps;
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  return {
    /** One round: requests that the api did not pass on before `before`. */
    async round(before: Date): Promise<void> {
      const byAgent = new Map<string, { ids: string[]; trigger: EnforcementTrigger }>();
      for (const { _id, targetId, trigger } of await findRows(database, 'enforcement.requested', before)) {
        byAgent.set(targetId, { ids: [...(byAgent.get(targetId)?.ids ?? []), _id], trigger });
      }
      for (const [agentId, { ids, trigger }] of byAgent) {
        await askForEvaluation(deps, agentId, trigger);
        await removeRows(database, ids);
      }
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      const overdue = await findOverdue(database, new Date(Date.now() - OVERDUE_MS), SWEPT_MAX);
      for (const agentId of overdue) await askForEvaluation(deps, agentId, 'timer');
    },
  };
}

export type EnforcementRelay = ReturnType<typeof createEnforcementRelay>;

async function askForEvaluation({ database, flows }: Deps, agentId: string, trigger: EnforcementTrigger) {
  const agent = await findFlowSubject(database, agentId);
  if (agent !== null) await flows.askForEvaluation(agent, trigger);
}
