import type { Filter } from 'mongodb';
import { WEBHOOK_BATCH_EVENTS_MAX } from '../../../contract/webhook-limits';
import { nextUp } from '../../../domain/webhook-batch';
import type { Delivery } from '../../schema/collections/deliveries';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';
import { webhookDeliveryId } from '../../schema/webhook-ids';
import { isBehind, putOff, readFree, readHeads, readPending } from './in-order';

/** What one request is to carry: a delivery, or the messages of a batch. Only looked at; whoever leases it decides. */
export interface Unit {
  /** Oldest first; of a batch that is repeated only one. */
  ids: [string, ...string[]];
  status: 'pending' | 'failed';
  /** Of the oldest. */
  order: string;
  /** It is a batch, or is to become one, under this id. */
  batchId?: string;
}

/** How a webhook wants to be sent to (webhooks.md §11.7). */
export type SendingMode = Pick<Webhook, 'ordering' | 'batching'>;

/** What may start now, oldest first. */
export interface Choice {
  units: Unit[];
  /** Attempts that may be on the wire with these; absent = as many as always. */
  atOnceMax?: number;
}

type Row = Pick<Delivery, '_id' | 'order' | 'released'>;

const pendingUnit = ({ _id, order }: Row): Unit => ({ ids: [_id], status: 'pending', order });

/** The first attempts that may start now, the next `count` at most. */
export async function firstUnits(
  database: Database,
  { webhookId, count }: { webhookId: string; count: number },
  { ordering, batching }: SendingMode,
): Promise<Choice> {
  const isOrdered = ordering !== undefined;
  if (batching !== true) {
    const read = isOrdered ? readHeads : readOldest;
    return inTurn(await read(database, webhookId, count));
  }
  const rows = isOrdered ? await readFree(database, webhookId) : await readPending(database, webhookId);
  const next = nextUp(rows, { isOrdered, rowsMax: WEBHOOK_BATCH_EVENTS_MAX });
  if (next.kind === 'singles') return inTurn(next.rows.slice(0, count));
  const [oldest, ...others] = next.rows;
  if (oldest === undefined) return { units: [] };
  // By its oldest one: a delivery gets into one batch in its life.
  const batchId = webhookDeliveryId(`batch|${oldest._id}`, webhookId);
  const ids: Unit['ids'] = [oldest._id, ...others.map(({ _id }) => _id)];
  // One batch at a time: they arrive in order, and what comes meanwhile gathers for the next one.
  return { units: [{ ...pendingUnit(oldest), ids, batchId }], atOnceMax: 1 };
}

function readOldest(database: Database, webhookId: string, limit: number): Promise<Row[]> {
  return database.deliveries
    .find<Row>(
      { webhookId, status: 'pending' },
      { projection: { order: 1, released: 1 }, sort: { order: 1 }, limit, ...READ },
    )
    .toArray();
}

/**
 * What a pause held back arrives in its order, one at a time: the next one starts when nothing else is on the wire, not
 * even what is older.
 */
function inTurn(rows: Row[]): Choice {
  const [oldest] = rows;
  if (oldest?.released === true) return { units: [pendingUnit(oldest)], atOnceMax: 1 };
  const firstReleased = rows.findIndex(({ released }) => released === true);
  return { units: (firstReleased === -1 ? rows : rows.slice(0, firstReleased)).map(pendingUnit) };
}

/** Of how many that are due the oldest are chosen; of more where batches fill the first look. */
const DUE_READ_MAX = 100;
const DUE_READ_MORE = 1_000;

type DueRow = Pick<Delivery, '_id' | 'order' | 'conversationId' | 'batchId'>;

export const isDue = (now: Date): Filter<Delivery> => ({ status: 'failed', nextAttemptAt: { $lte: now } });

/**
 * Attempts 2 to 9 that are due at `now`, in the order of their events, the next `count` at most. With an order, one that
 * is behind another delivery is put off. A batch that was attempted is behind nothing: its messages are in several
 * conversations, and two batches that wait for each other would wait for ever.
 */
export async function dueUnits(
  database: Database,
  { webhookId, count, now }: { webhookId: string; count: number; now: Date },
  { ordering }: SendingMode,
): Promise<Unit[]> {
  let rows = await readDue(database, webhookId, { now, limit: DUE_READ_MAX });
  let oldest = oldestOfEach(rows);
  if (rows.length === DUE_READ_MAX && oldest.length < count) {
    rows = await readDue(database, webhookId, { now, limit: DUE_READ_MORE });
    oldest = oldestOfEach(rows);
  }
  const units: Unit[] = [];
  for (const row of oldest) {
    if (units.length === count) break;
    const { _id, order, batchId } = row;
    const mustWait = ordering !== undefined && batchId === undefined && (await isBehind(database, webhookId, row));
    if (mustWait) await putOff(database, webhookId, row, now);
    else units.push({ ids: [_id], status: 'failed', order, ...(batchId === undefined ? {} : { batchId }) });
  }
  return units;
}

function readDue(
  database: Database,
  webhookId: string,
  { now, limit }: { now: Date; limit: number },
): Promise<DueRow[]> {
  return database.deliveries
    .find(
      { webhookId, ...isDue(now) },
      { projection: { order: 1, conversationId: 1, batchId: 1 }, sort: { nextAttemptAt: 1 }, limit, ...READ },
    )
    .toArray();
}

/** Oldest first, one of each batch. */
function oldestOfEach(rows: DueRow[]): DueRow[] {
  const seen = new Set<string>();
  return [...rows]
    .sort((one, other) => (one.order < other.order ? -1 : 1))
    .filter(({ _id, batchId = _id }) => {
      const isFirst = !seen.has(batchId);
      seen.add(batchId);
      return isFirst;
    });
}

/** What a probe is made with: of what may start at `now` the oldest. */
export async function oldestWaiting(
  database: Database,
  { _id: webhookId, ...mode }: Pick<Webhook, '_id'> & SendingMode,
  now: Date,
): Promise<Unit | null> {
  const { units } = await firstUnits(database, { webhookId, count: 1 }, mode);
  const pending = units[0] ?? null;
  const failed = (await dueUnits(database, { webhookId, count: 1, now }, mode))[0] ?? null;
  if (pending === null || failed === null) return pending ?? failed;
  return pending.order < failed.order ? pending : failed;
}

/** Whether a first attempt waits for nothing but its circuit, or a pause. */
export async function isAnyFirstFree(
  database: Database,
  { _id: webhookId, ...mode }: Pick<Webhook, '_id'> & SendingMode,
): Promise<boolean> {
  return (await firstUnits(database, { webhookId, count: 1 }, mode)).units.length > 0;
}
