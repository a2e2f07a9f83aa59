import type { ReleaseFlows } from '../platform/flows/inbox-release';
import { findFlowSubject } from '../store/agents/flow-subjects';
import { findRows } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';
import { findReleasing, settleReleaseRequest } from '../store/webhooks/releases';

/** Agents of one sweep: bounded, the next sweep takes the rest. */
const SWEPT_MAX = 100;
/** How often releases are swept up whose flow was ended by hand. */
const SWEEP_EVERY_MS = 30_000;
/** A release that has lasted longer than this is signalled again; a flow that runs goes on as it was. */
const OVERDUE_MS = 60_000;

interface Deps {
  database: Database;
  flows: ReleaseFlows;
}

/**
 * Makes certain that every end of a silence reaches the flow that releases what was held back. A crash between signal
 * and delete repeats the signal, which changes nothing; an end that commits in between writes the row anew, so it stays.
 */
export function createReleaseRelay({ database, flows }: Deps) {
  let sweptAtMs = performance.now();
  return {
    /** One round: ends that the api did not pass on before `before`. */
    async round(before: Date): Promise<void> {
      for (const { targetId, epoch } of await findRows(database, 'inbox.release', before)) {
        await startRelease({ database, flows }, targetId, epoch);
        await settleReleaseRequest(database, { agentId: targetId, epoch });
      }
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      const overdue = await findReleasing(database, new Date(Date.now() - OVERDUE_MS), SWEPT_MAX);
      for (const agentId of overdue) await startRelease({ database, flows }, agentId);
    },
  };
}

export type ReleaseRelay = ReturnType<typeof createReleaseRelay>;

/** @param epoch absent: that of now */
async function startRelease({ database, flows }: Deps, agentId: string, epoch?: number): Promise<void> {
  const agent = await findFlowSubject(database, agentId);
  if (agent !== null) await flows.startRelease(agent, epoch ?? agent.pauseEpoch);
}
