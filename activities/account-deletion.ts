import { burnPendings, cancelInvitations, dropMutes } from '../store/account-remains';
import type { Database } from '../store/database';
import { settleVisibility } from '../store/visibility';

type OfAgent = { agentId: string };

/** What is left of a deleted account, taken away step by step. Every step may run any number of times. */
export function createDeletionActivities({ database }: { database: Database }) {
  return {
    burnPendings: ({ agentId }: OfAgent): Promise<void> => burnPendings(database, agentId),
    hideFromContactBooks: ({ agentId }: OfAgent): Promise<void> => settleVisibility(database, agentId),
    cancelInvitations: ({ agentId }: OfAgent): Promise<void> => cancelInvitations(database, agentId),
    dropMutes: ({ agentId }: OfAgent): Promise<void> => dropMutes(database, agentId),
  };
}

export type DeletionActivities = ReturnType<typeof createDeletionActivities>;
