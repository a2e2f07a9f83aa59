import type { Flows } from '../platform/flows/flows';
import { findRows, removeRows } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';

/**
 * Starts the flows of deleted accounts whose api did not get to it. Starts may repeat (two workers, a crash between
 * start and delete): the flow's id makes them one.
 */
export async function relayAccountDeletions(
  { database, flows }: { database: Database; flows: Flows },
  before: Date,
): Promise<void> {
  for (const row of await findRows(database, 'account.deleted', before)) {
    await flows.startAccountDeletion(row.targetId, row.handle);
    await removeRows(database, [row._id]);
  }
}
