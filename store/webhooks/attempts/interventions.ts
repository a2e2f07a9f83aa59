import { DELIVERY_KEEP_MS } from '../../../contract/webhook-limits';
import type { Delivery } from '../../schema/collections/deliveries';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';

/** What the flow and operators do about deliveries that wait. */

/** Rows that one step changes: short steps hold nobody up. */
const BATCH = 1_000;

/**
 * Cancels everything that waits at a webhook that is inactive, in steps; a recovery can still send it. Attempts on the wire end as they end. Repeating
 * it finds the rest or nothing.
 */
export async function cancelWaiting(database: Database, webhookId: string, now: Date): Promise<void> {
  for (const status of ['pending', 'failed'] as const) {
    for (;;) {
      const ids = await idsOf(database, webhookId, status);
      if (ids.length === 0) break;
      const $set = { ...cancelled(now), cancelledFor: 'inactive' as const };
      await database.deliveries.updateMany({ _id: { $in: ids }, status }, { $set });
    }
  }
}

/** Cancels one delivery that waits. A second run, or one of a delivery that ended or is on the wire, changes nothing. */
export async function skipDelivery(
  database: Database,
  { webhookId, deliveryId, now }: { webhookId: string; deliveryId: string; now: Date },
): Promise<void> {
  await database.deliveries.updateOne(
    { _id: deliveryId, webhookId, status: { $in: ['pending', 'failed'] } },
    { $set: cancelled(now) },
  );
}

/**
 * Switches a webhook off by an operator's hand, so that what waits is cancelled, also where its agent had switched it off.
 * A second run changes nothing.
 */
export async function disableWebhook(database: Database, webhookId: string): Promise<void> {
  await database.webhooks.updateOne(
    { _id: webhookId, disabledReason: { $in: [null, 'manual'] } },
    { $set: { active: false, disabledReason: 'manual', inactiveSpans: [] } },
  );
}

/** Ends a cool-down and makes failed deliveries due at `now`, in steps. A second run finds them due. */
export async function makeDue(database: Database, webhookId: string, now: Date): Promise<void> {
  await database.webhooks.updateOne(
    { _id: webhookId, 'breaker.state': 'open' },
    { $set: { 'breaker.openUntil': now } },
  );
  for (;;) {
    const later = { webhookId, status: 'failed' as const, nextAttemptAt: { $gt: now } };
    const rows = await database.deliveries.find(later, { projection: { _id: 1 }, limit: BATCH, ...READ }).toArray();
    if (rows.length === 0) return;
    const ids = rows.map(({ _id }) => _id);
    await database.deliveries.updateMany({ ...later, _id: { $in: ids } }, { $set: { nextAttemptAt: now } });
  }
}

async function idsOf(database: Database, webhookId: string, status: 'pending' | 'failed'): Promise<string[]> {
  const rows = await database.deliveries
    .find({ webhookId, status }, { projection: { _id: 1 }, limit: BATCH, ...READ })
    .toArray();
  return rows.map(({ _id }) => _id);
}

const cancelled = (now: Date): Pick<Delivery, 'status' | 'nextAttemptAt' | 'expiresAt'> => ({
  status: 'cancelled',
  nextAttemptAt: null,
  expiresAt: new Date(now.getTime() + DELIVERY_KEEP_MS),
});
