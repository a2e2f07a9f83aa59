import type { Delivery } from '../../schema/collections/deliveries';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';
import { recordAttempts } from './record-attempts';

/**
 * Counts attempts whose worker died as lost, so that they are repeated. Two at once: the attempt's number lets one of
 * them through. @returns how many leases had ended
 */
export async function recordLost(database: Database, now: Date, limit: number): Promise<number> {
  const rows = await database.deliveries
    .find(
      { status: 'delivering', leaseUntil: { $lt: now } },
      { projection: { webhookId: 1, attempts: 1 }, sort: { leaseUntil: 1 }, limit, ...READ },
    )
    .toArray();
  for (const [webhookId, lost] of groupBy(rows)) {
    const results = lost.map(({ _id, attempts }) => ({
      deliveryId: _id,
      attempt: attempts,
      token: null,
      at: now,
      outcome: { kind: 'lost' as const },
      random: 0,
    }));
    await recordAttempts(database, webhookId, results);
  }
  return rows.length;
}

function groupBy(rows: Pick<Delivery, '_id' | 'webhookId' | 'attempts'>[]): Map<string, typeof rows> {
  const groups = new Map<string, typeof rows>();
  for (const row of rows) groups.set(row.webhookId, [...(groups.get(row.webhookId) ?? []), row]);
  return groups;
}
