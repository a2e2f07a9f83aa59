import type { Flows } from '../platform/flows/flows';
import { findRows, removeRows } from '../store/outbox/rows';
import { forEachRow, type RowDeps } from './each-row';

/**
 * Starts the flows of deleted accounts whose api did not get to it. Starts may repeat (two workers, a crash between
 * start and delete): the flow's id makes them one.
 */
export async function relayAccountDeletions(
  deps: RowDeps & { flows: Pick<Flows, 'startAccountDeletion'> },
  before: Date,
): Promise<void> {
  const { database, flows } = deps;
  await forEachRow(deps, await findRows(database, 'account.deleted', before), async (row) => {
    await flows.startAccountDeletion(row.targetId, row.handle);
    await removeRows(database, [row._id]);
  });
}
