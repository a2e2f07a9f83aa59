import type { Flows } from '../platform/flows/flows';
import { settleDeletionStart } from '../store/groups/group-deletions';
import { findRows } from '../store/outbox/rows';
import { forEachRow, type RowDeps } from './each-row';

/**
 * Starts the flows of deleted groups whose api did not get to it. Starts may repeat (two workers, a crash between start
 * and delete): the flow's id makes them one.
 */
export async function relayGroupDeletions(
  deps: RowDeps & { flows: Pick<Flows, 'startGroupDeletion'> },
  before: Date,
): Promise<void> {
  const { database, flows } = deps;
  await forEachRow(deps, await findRows(database, 'group.deletion', before), async ({ groupId }) => {
    await flows.startGroupDeletion(groupId);
    await settleDeletionStart(database, groupId);
  });
}
