import { settleVisibility } from '../store/accounts/visibility';
import { findRows } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';

/** Contact books of an account that became hidden or visible: left over when the process that changed it died. */
export async function relayVisibility(database: Database, before: Date): Promise<void> {
  for (const { targetId } of await findRows(database, 'contacts.visibility', before)) {
    await settleVisibility(database, targetId);
  }
}
