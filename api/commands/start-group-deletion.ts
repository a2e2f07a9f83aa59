import type { Flows } from '../../platform/flows/flows';
import type { Logger } from '../../platform/logger';
import { settleDeletionStart } from '../../store/groups/group-deletions';
import type { Database } from '../../store/schema/database';

/**
 * Starts the flow that notifies the members of a deleted group. For latency only: the worker's relay starts it from the
 * outbox row of the cut-over if this does not get through. Never throws.
 */
export async function startGroupDeletion(
  { flows, database, log }: { flows: Flows; database: Database; log: Logger },
  groupId: string,
): Promise<void> {
  try {
    await flows.startGroupDeletion(groupId);
    await settleDeletionStart(database, groupId);
  } catch (error) {
    log.warn({ event: 'flow.start_deferred', flow: 'groupDeletion', groupId, err: error });
  }
}
