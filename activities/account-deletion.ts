import type { BlobStore } from '../platform/blobs/blob-store';
import type { Logger } from '../platform/logger';
import { burnPendings, cancelInvitations, dropMutes } from '../store/accounts/account-remains';
import { clearAgentAvatar } from '../store/agents/avatars';
import type { Database } from '../store/schema/database';
import { dropWebhooks } from '../store/webhooks/deliveries';
import { settleVisibility } from '../store/accounts/visibility';

type OfAgent = { agentId: string };

/** What is left of a deleted account, taken away step by step. Every step may run any number of times. */
export function createDeletionActivities({
  database,
  blobs,
  log,
}: {
  database: Database;
  blobs: BlobStore;
  log: Logger;
}) {
  return {
    dropWebhooks: ({ agentId }: OfAgent): Promise<void> => dropWebhooks(database, agentId),
    burnPendings: ({ agentId }: OfAgent): Promise<void> => burnPendings(database, agentId),
    hideFromContactBooks: ({ agentId }: OfAgent): Promise<void> => settleVisibility(database, agentId),
    cancelInvitations: ({ agentId }: OfAgent): Promise<void> => cancelInvitations(database, agentId),
    /** The row first, then the object; one that stays (the store is down, a crash in between) is swept up later. */
    async removeAvatar({ agentId, now }: OfAgent & { now: number }): Promise<void> {
      const { unused } = await clearAgentAvatar(database, agentId, new Date(now));
      if (unused === null) return;
      await blobs
        .remove(unused)
        .catch((error: unknown) => log.warn({ event: 'avatar.left_behind', blobKey: unused, err: error }));
    },
    dropMutes: ({ agentId }: OfAgent): Promise<void> => dropMutes(database, agentId),
  };
}

export type DeletionActivities = ReturnType<typeof createDeletionActivities>;
