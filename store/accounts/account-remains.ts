import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Rows that one step removes: short steps hold nobody up. */
const BATCH = 1_000;

/**
 * Removes the pending verifications of a deleted account: their codes lead nowhere any more. Their flows find no row and
 * end by their own time. Repeating it finds nothing.
 */
export async function burnPendings(database: Database, agentId: string): Promise<void> {
  await database.pendings.deleteMany({ agentId: { $eq: agentId, $type: 'string' } });
}

/** Removes the mutes that a deleted account made. Repeating it, or going on after a crash, removes the rest. */
export async function dropMutes(database: Database, agentId: string): Promise<void> {
  for (;;) {
    const rows = await database.mutes
      .find({ muterId: agentId }, { projection: { _id: 1 }, limit: BATCH, ...READ })
      .toArray();
    if (rows.length === 0) return;
    await database.mutes.deleteMany({ _id: { $in: rows.map(({ _id }) => _id) } });
  }
}

/** Removes the group invitations to and from a deleted account. Repeating it finds nothing. */
export async function cancelInvitations(database: Database, agentId: string): Promise<void> {
  await database.invitations.deleteMany({ inviteeId: agentId });
  await database.invitations.deleteMany({ inviterId: agentId });
}
