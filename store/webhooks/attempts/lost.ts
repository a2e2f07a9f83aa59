import { WORKER_LOST } from '../../../domain/webhook-attempt';
import type { AttemptRecord, Delivery } from '../../schema/collections/deliveries';
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
      { projection: { webhookId: 1, event: 1, attempts: 1, lastAttemptAt: 1 }, sort: { leaseUntil: 1 }, limit, ...READ },
    )
    .toArray();
  for (const [webhookId, lost] of groupBy(rows)) {
    const results = lost.map((row) => ({
      deliveryId: row._id,
      event: row.event,
      attempt: row.attempts,
      token: null,
      at: now,
      outcome: { kind: 'lost' as const },
      record: recordOf(row, now),
      random: 0,
    }));
    await recordAttempts(database, webhookId, results);
  }
  return rows.length;
}

type LostRow = Pick<Delivery, '_id' | 'webhookId' | 'event' | 'attempts' | 'lastAttemptAt'>;

/** How long it took nobody knows: until somebody noticed. */
function recordOf({ attempts, lastAttemptAt }: LostRow, now: Date): AttemptRecord {
  const at = lastAttemptAt ?? now;
  const durationMs = Math.max(0, now.getTime() - at.getTime());
  const nothing = { status: null, headers: [], body: '', remoteIp: null };
  return { attempt: attempts, at, durationMs, error: WORKER_LOST, ...nothing };
}

function groupBy(rows: LostRow[]): Map<string, typeof rows> {
  const groups = new Map<string, typeof rows>();
  for (const row of rows) groups.set(row.webhookId, [...(groups.get(row.webhookId) ?? []), row]);
  return groups;
}
