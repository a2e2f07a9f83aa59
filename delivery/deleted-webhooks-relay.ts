import { findRows, removeRows } from '../store/outbox/rows';
import { removeUnsent } from '../store/webhooks/deliveries';
import { forEachRow, type RowDeps } from './each-row';

/** An expansion that read a webhook before its removal has committed or failed by then: its transaction has 15 s. */
const AGE_MS = 60_000;

/**
 * Removes what was left unsent of webhooks that were removed: by an api that died behind its commit, or by an intent that
 * was being expanded at that moment. Repeating it finds nothing.
 */
export async function relayDeletedWebhooks(deps: RowDeps, now: Date): Promise<void> {
  const { database } = deps;
  const rows = await findRows(database, 'webhook.deleted', new Date(now.getTime() - AGE_MS));
  await forEachRow(deps, rows, async (row) => {
    await removeUnsent(database, row.webhookId);
    await removeRows(database, [row._id]);
  });
}
