import { WEBHOOK_BATCH_EVENTS_MAX } from '../../../contract/webhook-limits';
import { WORKER_LOST } from '../../../domain/webhook-attempt';
import type { AttemptRecord, Delivery } from '../../schema/collections/deliveries';
import type { Database } from '../../schema/database';
import { isOutage } from '../../schema/outage';
import { READ } from '../../schema/reads';
import { recordAttempts, type AttemptResult } from './record-attempts';

/**
 * Counts attempts whose worker died as lost, so that they are repeated. Two at once: the attempt's number lets one of
 * them through. A batch is one attempt: all that it carried is counted with it, or its messages would no longer be due
 * together. One webhook of which it cannot be recorded holds up no other.
 * @returns how many leases had ended
 * @throws AggregateError of what failed, behind all others
 */
export async function recordLost(database: Database, now: Date, limit: number): Promise<number> {
  const rows = await database.deliveries
    .find(
      { status: 'delivering', leaseUntil: { $lt: now } },
      { projection: LOST, sort: { leaseUntil: 1 }, limit, ...READ },
    )
    .toArray();
  const failures: unknown[] = [];
  for (const [webhookId, lost] of groupBy(rows)) {
    await recordLostOf(database, webhookId, lost, now).catch((error: unknown) => {
      if (isOutage(error)) throw error;
      failures.push(error);
    });
  }
  if (failures.length > 0) throw new AggregateError(failures, 'lost attempts of some webhooks were not recorded');
  return rows.length;
}

/** Those of one webhook. */
async function recordLostOf(database: Database, webhookId: string, lost: LostRow[], now: Date): Promise<void> {
  const results: AttemptResult[] = [];
  for (const row of oneOfEachBatch(lost)) {
    const others = await readOthers(database, row);
    results.push({
      deliveryId: row._id,
      ...(others.length === 0 ? {} : { others }),
      event: row.event,
      attempt: row.attempts,
      token: null,
      at: now,
      outcome: { kind: 'lost' as const },
      record: recordOf(row, now),
      random: 0,
    });
  }
  await recordAttempts(database, webhookId, results);
}

const LOST = { webhookId: 1, event: 1, batchId: 1, attempts: 1, lastAttemptAt: 1 } as const;

type LostRow = Pick<Delivery, '_id' | 'webhookId' | 'event' | 'batchId' | 'attempts' | 'lastAttemptAt'>;

function oneOfEachBatch(rows: LostRow[]): LostRow[] {
  const seen = new Set<string>();
  return rows.filter(({ _id, batchId = _id }) => {
    const isFirst = !seen.has(batchId);
    seen.add(batchId);
    return isFirst;
  });
}

/** The rest of its batch, whether or not it was among the leases that were looked at. */
async function readOthers(database: Database, { _id, batchId }: LostRow): Promise<string[]> {
  if (batchId === undefined) return [];
  const rows = await database.deliveries
    .find({ batchId, status: 'delivering' }, { projection: { _id: 1 }, limit: WEBHOOK_BATCH_EVENTS_MAX, ...READ })
    .toArray();
  return rows.map((row) => row._id).filter((id) => id !== _id);
}

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
