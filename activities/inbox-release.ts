import { releaseStep } from '../delivery/release-parked';
import type { Orders } from '../platform/bus';
import type { AgentReader } from '../store/agents/agents';
import type { Database } from '../store/schema/database';
import { lookAtRelease, type ReleaseLook } from '../store/webhooks/releases';
import { proveProgress } from './progress';

export interface ReleaseActivityDeps {
  database: Database;
  agents: AgentReader;
  orders: Orders;
  publicBaseUrl: string;
  /** There is a new first attempt to make. */
  wake: (webhookId: string) => void;
}

/** One run of the activity ends by then, so that the flow sees and shows how far it is. */
const RUN_MS = 20_000;

/** The side effects of a release (dashboard.md §8.5). Inputs and results hold ids, states and counts only. */
export function createReleaseActivities(deps: ReleaseActivityDeps) {
  const { database } = deps;

  return {
    /**
     * Has every node that holds sockets of the agent read its inbox. A second run has them read it once more; a node that
     * does not confirm finds the end of the pause by its own poll, and holds up nobody.
     */
    async orderPumps({ agentId }: { agentId: string }): Promise<void> {
      await deps.orders.give({ kind: 'recheck', agentId });
    },

    /**
     * Makes deliveries of what was held back, page by page, and has first attempts made. A second run goes on where the
     * first stopped; nothing gets a second delivery.
     */
    async tellWebhooks({ agentId }: { agentId: string }): Promise<{ told: number; isMore: boolean }> {
      const endMs = performance.now() + RUN_MS;
      for (let told = 0; ;) {
        const step = await releaseStep(deps, agentId);
        proveProgress();
        told += step.made;
        for (const webhookId of step.webhookIds) deps.wake(webhookId);
        if (!step.isMore || performance.now() > endMs) return { told, isMore: step.isMore };
      }
    },

    /** How far it is, as the database knows it now. */
    lookAtRelease: ({ agentId }: { agentId: string }): Promise<ReleaseLook> => lookAtRelease(database, agentId),
  };
}

export type ReleaseActivities = ReturnType<typeof createReleaseActivities>;
