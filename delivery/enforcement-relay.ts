import type { EnforcementTrigger } from '../domain/enforcement';
import type { EnforcementFlows } from '../platform/flows/enforcement';
import { findFlowSubject } from '../store/agents/flow-subjects';
import { findOverdue } from '../store/enforcement/enforcement';
import { findRows, removeRows } from '../store/outbox/rows';
import { doEach, rowsBy, type RowDeps, type RowJob } from './each-row';

/** Agents of one sweep: bounded, the next sweep takes the rest. */
const SWEPT_MAX = 100;
/** A flow evaluates within a second of its timer; later than this it was ended, or nobody runs it. */
const OVERDUE_MS = 30_000;
/** How often overdue restrictions are swept up. */
const SWEEP_EVERY_MS = 60_000;

type Deps = RowDeps & { flows: EnforcementFlows };

/**
 * Makes certain that every recorded request for an evaluation reaches the flow, and that a restriction whose flow was
 * ended by hand lifts all the same. A crash between signal and delete repeats the signal, which changes nothing. A sweep
 * tells nothing to a flow that runs: signals that nobody takes up would gather.
 */
export function createEnforcementRelay(deps: Deps) {
  const { database } = deps;
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  return {
    /** One round: requests that the api did not pass on before `before`. */
    async round(before: Date): Promise<void> {
      const rows = await findRows(database, 'enforcement.requested', before);
      const byAgent = rowsBy(rows, ({ targetId }) => targetId);
      const requested = [...byAgent].map(([agentId, own]): RowJob => {
        const trigger = own.at(-1)?.trigger ?? 'timer';
        return {
          rows: own,
          work: async () => {
            await askForEvaluation(deps, agentId, trigger);
            await removeRows(
              database,
              own.map(({ _id }) => _id),
            );
          },
        };
      });
      await doEach(deps, requested);
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      const overdue = await findOverdue(database, new Date(Date.now() - OVERDUE_MS), SWEPT_MAX);
      const sweepUp = (agentId: string) => askForEvaluation(deps, agentId, 'timer', { isSweep: true });
      await doEach(
        deps,
        overdue.map((agentId): RowJob => ({ rows: [], work: () => sweepUp(agentId) })),
      );
    },
  };
}

export type EnforcementRelay = ReturnType<typeof createEnforcementRelay>;

async function askForEvaluation(
  { database, flows }: Deps,
  agentId: string,
  trigger: EnforcementTrigger,
  how?: { isSweep: true },
): Promise<void> {
  const agent = await findFlowSubject(database, agentId);
  if (agent !== null) await flows.askForEvaluation(agent, trigger, how);
}
