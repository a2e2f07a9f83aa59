import { settleVisibility } from '../store/accounts/visibility';
import { findRows } from '../store/outbox/rows';
import { forEachRow, type RowDeps } from './each-row';

/** Contact books of an account that became hidden or visible: left over when the process that changed it died. */
export async function relayVisibility(deps: RowDeps, before: Date): Promise<void> {
  const { database } = deps;
  await forEachRow(deps, await findRows(database, 'contacts.visibility', before), ({ targetId }) =>
    settleVisibility(database, targetId),
  );
}
