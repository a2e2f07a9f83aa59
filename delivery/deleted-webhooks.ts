import type { Database } from '../store/database';
import { removeUnsent } from '../store/deliveries';

/** An expansion that read a webhook before its removal has committed or failed by then: its transaction has 15 s. */
const AGE_MS = 60_000;
/** Rows of one round: bounded, the next round takes the rest. */
const BATCH = 100;

/**
 * Removes what was left unsent of webhooks that were removed: by an api that died behind its commit, or by an intent that
 * was being expanded at that moment. Repeating it finds nothing.
 */
export async function relayDeletedWebhooks(database: Database, now: Date): Promise<void> {
  const rows = await database.outbox
    .find(
      { kind: 'webhook.deleted', createdAt: { $lt: new Date(now.getTime() - AGE_MS) } },
      { sort: { createdAt: 1 }, limit: BATCH, maxTimeMS: 5_000 },
    )
    .toArray();
  for (const row of rows) {
    if (row.kind !== 'webhook.deleted') continue;
    await removeUnsent(database, row.webhookId);
    await database.outbox.deleteOne({ _id: row._id });
  }
}
