import type { Flows } from '../platform/flows/flows';
import type { Logger } from '../platform/logger';
import { settleDeletionStart } from '../store/groups/group-deletions';
import { findRows } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';

/**
 * Starts the flows of deleted groups whose api did not get to it. Starts may repeat (two workers, a crash between start
 * and delete): the flow's id makes them one.
 */
export async function relayGroupDeletions(
  { database, flows, log }: { database: Database; flows: Flows; log: Logger },
  before: Date,
): Promise<void> {
  for (const { groupId } of await findRows(database, 'group.deletion', before)) {
    try {
      await flows.startGroupDeletion(groupId);
      await settleDeletionStart(database, groupId);
    } catch (error) {
      // One that cannot be started now must not hold up the others; the next round tries again.
      log.warn({ event: 'relay.group_failed', groupId, err: error });
    }
  }
}
