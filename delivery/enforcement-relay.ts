import type { EnforcementTrigger } from '../domain/enforcement';
import type { EnforcementFlows } from '../platform/flows/enforcement-flow';
import type { Database } from '../store/database';
import { findOverdue } from '../store/enforcement';

/** Rows of one round: bounded, the next round takes the rest. */
const BATCH = 100;
/** A flow looks within a second of its timer; later than this it was ended, or nobody runs it. */
const OVERDUE_MS = 30_000;
/** How often overdue restrictions are looked for: a flow that nobody runs must not gather signals. */
const SWEEP_EVERY_MS = 60_000;

/**
 * Makes certain that every recorded request for an evaluation reaches the flow, and that a restriction whose flow was
 * ended by hand lifts all the same. A crash between signal and delete repeats the signal, which changes nothing.
 */
export function createEnforcementRelay({ database, flows }: { database: Database; flows: EnforcementFlows }) {
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  return {
    /** One round: requests that the api did not pass on within `ageMs`. */
    async round(ageMs: number): Promise<void> {
      const rows = await database.outbox
        .find({ kind: 'enforcement.requested', createdAt: { $lt: new Date(Date.now() - ageMs) } })
        .sort({ createdAt: 1 })
        .limit(BATCH)
        .toArray();
      const byAgent = new Map<string, { ids: string[]; trigger: EnforcementTrigger }>();
      for (const row of rows) {
        if (row.kind !== 'enforcement.requested') continue;
        const earlier = byAgent.get(row.targetId)?.ids ?? [];
        byAgent.set(row.targetId, { ids: [...earlier, row._id], trigger: row.trigger });
      }
      for (const [agentId, { ids, trigger }] of byAgent) {
        await ask(database, flows, agentId, trigger);
        await database.outbox.deleteMany({ _id: { $in: ids } });
      }
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      const overdue = await findOverdue(database, new Date(Date.now() - OVERDUE_MS), BATCH);
      for (const agentId of overdue) await ask(database, flows, agentId, 'timer');
    },
  };
}

export type EnforcementRelay = ReturnType<typeof createEnforcementRelay>;

async function ask(
  database: Database,
  flows: EnforcementFlows,
  agentId: string,
  trigger: EnforcementTrigger,
): Promise<void> {
  const agent = await database.agents.findOne({ _id: agentId }, { projection: { handle: 1 }, maxTimeMS: 5_000 });
  if (agent !== null) await flows.askForEvaluation({ id: agentId, handle: agent.handle }, trigger);
}
