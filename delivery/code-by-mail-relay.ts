import type { Flows } from '../platform/flows/flows';
import { findRows, removeRows } from '../store/outbox/rows';
import type { FlowCommit } from '../store/schema/collections/outbox';
import { forEachRow, type RowDeps } from './each-row';

/**
 * Signals flows whose code was used that its purpose was committed, where the api did not. A crash between signal and
 * delete repeats the signal, which the flow takes for the first.
 */
export async function relayCommits(
  deps: RowDeps & { flows: Pick<Flows, 'signalCommitted'> },
  before: Date,
): Promise<void> {
  const { database, flows } = deps;
  await forEachRow(deps, await findRows(database, 'flow.committed', before), async (row) => {
    await flows.signalCommitted(row.workflowId, commitOf(row));
    await removeRows(database, [row._id]);
  });
}

function commitOf(row: FlowCommit): FlowCommit {
  if ('ownerId' in row) return { ownerId: row.ownerId };
  if ('visitorId' in row) return { visitorId: row.visitorId };
  return { agentId: row.agentId, keyVersion: row.keyVersion };
}
