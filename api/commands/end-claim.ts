import type { Orders } from '../../platform/bus';
import { releaseClaim } from '../../store/accounts/claims';
import type { Agent } from '../../store/schema/collections/agents';
import { endOwnerFeed } from './end-owner-feed';
import { startRelease, type StartReleaseDeps } from './start-release';

/** Gives up an owner's claim. @throws AppError CLAIM_NOT_FOUND */
export type EndClaim = (owner: { id: string }, agent: Pick<Agent, '_id' | 'handle'>, at: Date) => Promise<void>;

/**
 * Claim and pause end in one commit. Then the owner's dashboards show no more of the agent, the nodes load its inbox at
 * once and what a full pause held back is released; dying in between, nodes load it by themselves within seconds and the
 * worker's relay starts the flow.
 */
export function createEndClaim(deps: StartReleaseDeps & { orders: Orders }): EndClaim {
  return async (owner, { _id: agentId, handle }, at) => {
    const unpaused = await releaseClaim(deps.database, { agentId, ownerId: owner.id, at });
    await endOwnerFeed(deps, { exOwnerId: owner.id, agentId, agentHandle: handle, reason: 'released' });
    if (unpaused === null) return;
    await deps.orders.give({ kind: 'recheck', agentId }).catch((error: unknown) => {
      deps.log.error({ event: 'order.not_given', agentId, err: error });
    });
    if (unpaused.from === 'full') void startRelease(deps, { id: agentId, handle });
  };
}
