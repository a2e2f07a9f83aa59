import type { Orders } from '../../platform/bus';
import type { Logger } from '../../platform/logger';

/** An agent that is not its owner's any more. */
export interface EndedFeed {
  /** Null: it had no owner, whose dashboards could show it. */
  exOwnerId: string | null;
  agentId: string;
  agentHandle: string;
  reason: 'released' | 'key_rotated' | 'deleted';
}

/**
 * Takes the agent off every dashboard of its former owner, after the commit that makes it right and before the answer.
 * Never fails its caller, whose commit stands: from it on nothing that is stored is shown to that owner anyway.
 */
export async function endOwnerFeed(
  { orders, log }: { orders: Orders; log: Logger },
  { exOwnerId: ownerId, agentId, agentHandle, reason }: EndedFeed,
): Promise<void> {
  if (ownerId === null) return;
  await orders
    .give({ kind: 'unwatch', ownerId, agentId, agentHandle, reason })
    .catch((error: unknown) => log.error({ event: 'order.not_given', agentId, err: error }));
}
