import type { Database } from '../schema/database';
import { findOpenTurnsOfLink, forgetVisitors } from './links';
import { endTurn } from './turns';

/**
 * Ends the open turns of a link that was revoked and removes what is kept of its visitors. Dies in the middle: what is
 * left goes with the next round, for the row of the outbox stays until nothing is. Two at once end each turn once.
 */
export async function settleRevokedLink(
  database: Database,
  row: { _id: string; linkId: string },
  at: Date,
): Promise<void> {
  for (let open = await findOpenTurnsOfLink(database, row.linkId); open.length > 0;) {
    for (const { _id } of open) await endTurn(database, _id, { status: 'cancelled', at });
    open = await findOpenTurnsOfLink(database, row.linkId);
  }
  await forgetVisitors(database, row.linkId);
  await database.outbox.deleteOne({ _id: row._id });
}
