import type { Flows } from '../platform/flows';
import type { Database } from '../store/database';

/**
 * Starts the flows of deleted accounts whose api did not get to it. Starts may repeat (two workers, a crash between
 * start and delete): the flow's id makes them one.
 */
export async function relayDeletions(
  { database, flows }: { database: Database; flows: Flows },
  { before, limit }: { before: Date; limit: number },
): Promise<void> {
  const rows = await database.outbox
    .find({ kind: 'account.deleted', createdAt: { $lt: before } }, { sort: { createdAt: 1 }, limit, maxTimeMS: 5_000 })
    .toArray();
  for (const row of rows) {
    if (row.kind !== 'account.deleted') continue;
    await flows.startAccountDeletion(row.targetId, row.handle);
    await database.outbox.deleteOne({ _id: row._id });
  }
}
