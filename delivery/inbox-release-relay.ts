import type { ReleaseFlows } from '../platform/flows/inbox-release';
import { findFlowSubject } from '../store/agents/flow-subjects';
import { findRows } from '../store/outbox/rows';
import { findReleasing, settleReleaseRequest } from '../store/webhooks/releases';
import { doEach, forEachRow, type RowDeps, type RowJob } from './each-row';

/** Agents of one sweep: bounded, the next sweep takes the rest. */
const SWEPT_MAX = 100;
/** How often releases are swept up whose flow was ended by hand. */
const SWEEP_EVERY_MS = 30_000;
/** A release that has lasted longer than this is started again where no flow of it runs. */
const OVERDUE_MS = 60_000;

type Deps = RowDeps & { flows: ReleaseFlows };

/**
 * Makes certain that every end of a silence reaches the flow that releases what was held back. A crash between signal
 * and delete repeats the signal, which changes nothing; an end that commits in between writes the row anew, so it stays. A
 * sweep tells nothing to a flow that runs: signals that nobody takes up would gather.
 */
export function createReleaseRelay(deps: Deps) {
  const { database } = deps;
  let sweptAtMs = performance.now();
  return {
    /** One round: ends that the api did not pass on before `before`. */
    async round(before: Date): Promise<void> {
      await forEachRow(deps, await findRows(database, 'inbox.release', before), async ({ targetId, epoch }) => {
        await startRelease(deps, targetId, epoch);
        await settleReleaseRequest(database, { agentId: targetId, epoch });
      });
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      const overdue = await findReleasing(database, new Date(Date.now() - OVERDUE_MS), SWEPT_MAX);
      await doEach(
        deps,
        overdue.map((agentId): RowJob => ({ rows: [], work: () => startEnded(deps, agentId) })),
      );
    },
  };
}

export type ReleaseRelay = ReturnType<typeof createReleaseRelay>;

async function startRelease({ database, flows }: Deps, agentId: string, epoch: number): Promise<void> {
  const agent = await findFlowSubject(database, agentId);
  if (agent !== null) await flows.startRelease(agent, epoch);
}

/** Only where no flow runs. */
async function startEnded({ database, flows }: Deps, agentId: string): Promise<void> {
  const agent = await findFlowSubject(database, agentId);
  if (agent !== null) await flows.startRelease(agent, agent.pauseEpoch, { isSweep: true });
}
