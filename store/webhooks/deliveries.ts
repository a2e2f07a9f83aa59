import type { Filter } from 'mongodb';
import { DELIVERY_KEEP_MS } from '../../contract/webhook-limits';
import { exactly, LIVE_STATUSES, type Delivery } from '../schema/collections/deliveries';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Rows that one step changes: short steps hold nobody up. */
const BATCH = 1_000;

/** Removes everything that was not sent to a webhook that is gone, in steps. Repeating it finds the rest or nothing. */
export function removeUnsent(database: Database, webhookId: string): Promise<void> {
  const unsent = { webhookId, status: { $in: LIVE_STATUSES } };
  return inSteps(database, unsent, (rows) => database.deliveries.deleteMany(rows));
}

/**
 * Takes back what was not sent yet of a group that was deleted, but for its last message (groups.md G7, D21). What is on
 * the wire cannot be recalled, but is not tried again. Repeating it finds the rest or nothing.
 */
export function cancelGroupDeliveries(
  database: Database,
  { groupId, noticeId, now }: { groupId: string; noticeId: string; now: Date },
): Promise<void> {
  const $set = {
    status: 'cancelled' as const,
    nextAttemptAt: null,
    expiresAt: new Date(now.getTime() + DELIVERY_KEEP_MS),
  };
  const lost = {
    conversationId: exactly(groupId),
    status: { $in: LIVE_STATUSES },
    // Reads and the deletion itself are told.
    event: 'message.new' as const,
    messageId: { $ne: noticeId },
  };
  return inSteps(database, lost, (rows) => database.deliveries.updateMany(rows, { $set }));
}

/**
 * Removes the webhooks of a deleted account, then all of their deliveries and dead letters (webhooks.md §5). Webhooks
 * first: what an expansion writes meanwhile is never attempted, and a later run finds it. Repeating it finds nothing.
 */
export async function dropWebhooks(database: Database, agentId: string): Promise<void> {
  await database.webhooks.deleteMany({ agentId });
  await inSteps(database, { agentId }, (rows) => database.deliveries.deleteMany(rows));
}

/** The condition once more in each step: an attempt on the wire may have ended since the rows were read. */
async function inSteps(
  database: Database,
  which: Filter<Delivery>,
  step: (rows: Filter<Delivery>) => Promise<unknown>,
): Promise<void> {
  for (;;) {
    const rows = await database.deliveries.find(which, { projection: { _id: 1 }, limit: BATCH, ...READ }).toArray();
    if (rows.length === 0) return;
    await step({ ...which, _id: { $in: rows.map(({ _id }) => _id) } });
  }
}
