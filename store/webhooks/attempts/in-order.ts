import { exactly, LIVE_STATUSES, type Delivery } from '../../schema/collections/deliveries';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { READ, SAFE_READ } from '../../schema/reads';
import { inSnapshot } from '../../schema/snapshot';

/**
 * `ordering: "conversation"` (webhooks.md §11.7): a delivery waits while an earlier one of its conversation and webhook is
 * unfinished. Nothing of it is stored: who waits is read from the rows, so there is nothing that a crash could leave
 * behind, and whatever ends a delivery, in whichever way, releases the next.
 *
 * It is exact over any number of workers: once no earlier one is unfinished, none ever becomes so again, but one that is
 * made later (a redelivery, a recovery). So a look in one snapshot, before the lease, holds for the lease as well. The
 * rows that it is asked about were read with read concern `majority`, so the snapshot knows what was made before them.
 */

/** A delivery that waits for its first attempt, without its content. */
export type Pending = Pick<Delivery, '_id' | 'event' | 'order' | 'conversationId' | 'released'>;

/** Rows of one look. */
const LOOKED_MAX = 200;

/**
 * The oldest that wait at a webhook. Those of `passed` conversations are passed over by their index entries alone: one
 * conversation that waits for days costs the others no reading of its rows.
 */
export function readPending(
  database: Database,
  webhookId: string,
  { passed = [], known = [] }: { passed?: string[]; known?: string[] } = {},
): Promise<Pending[]> {
  return database.deliveries
    .find<Pending>(
      {
        webhookId,
        status: 'pending',
        ...(passed.length === 0 ? {} : { conversationId: { $nin: passed } }),
        ...(known.length === 0 ? {} : { _id: { $nin: known } }),
      },
      {
        ...SAFE_READ,
        projection: { event: 1, order: 1, conversationId: 1, released: 1 },
        sort: { order: 1 },
        limit: LOOKED_MAX,
        hint: 'pending_webhook_conversation',
      },
    )
    .toArray();
}

/** Whether an earlier delivery of the conversation is unfinished at this webhook. Events of one moment have no order. */
export async function isBehind(
  database: Database,
  webhookId: string,
  { conversationId, order }: Pick<Delivery, 'conversationId' | 'order'>,
): Promise<boolean> {
  if (conversationId === undefined) return false;
  const earlier = { ...unfinishedOf(webhookId, conversationId), order: { $lt: order } };
  const options = { ...READ, projection: { _id: 1 }, hint: HINT };
  const found = await inSnapshot(database, (session) => database.deliveries.findOne(earlier, { ...options, session }));
  return found !== null;
}

/** Of conversations that wait for nothing the first delivery each, and what is of no conversation; oldest first. */
export async function readHeads(database: Database, webhookId: string, countMax: number): Promise<Pending[]> {
  const heads: Pending[] = [];
  const passed = new Set<string>();
  for (;;) {
    const known = heads.map(({ _id }) => _id);
    const rows = await readPending(database, webhookId, { passed: [...passed], known });
    for (const row of rows) {
      const { conversationId } = row;
      if (conversationId !== undefined && passed.has(conversationId)) continue;
      if (heads.length === countMax) return heads;
      if (conversationId !== undefined) passed.add(conversationId);
      if (!(await isBehind(database, webhookId, row))) heads.push(row);
    }
    if (rows.length < LOOKED_MAX) return heads;
  }
}

/**
 * The oldest deliveries that wait for none but each other, oldest first: of each conversation those before its first one
 * that was started and is unfinished. Empty only when there is nothing that may start.
 */
export async function readFree(database: Database, webhookId: string): Promise<Pending[]> {
  const passed = new Set<string>();
  for (;;) {
    const rows = await readPending(database, webhookId, { passed: [...passed] });
    /** Of each conversation where its deliveries have to wait from; null = nowhere. */
    const ends = new Map<string, string | null>();
    for (const { conversationId } of rows) {
      if (conversationId === undefined || ends.has(conversationId)) continue;
      ends.set(conversationId, await firstStarted(database, webhookId, conversationId));
      passed.add(conversationId);
    }
    const free = rows.filter(({ conversationId, order }) => {
      const end = conversationId === undefined ? null : (ends.get(conversationId) ?? null);
      return end === null || order < end;
    });
    if (free.length > 0 || rows.length < LOOKED_MAX) return free;
  }
}

/** The place of the first delivery of a conversation that was started and is unfinished; null when there is none. */
async function firstStarted(database: Database, webhookId: string, conversationId: string): Promise<string | null> {
  const started = { ...unfinishedOf(webhookId, conversationId), status: { $in: STARTED } };
  const options = { ...READ, projection: { order: 1 }, sort: { order: 1 as const }, hint: HINT };
  const found = await inSnapshot(database, (session) => database.deliveries.findOne(started, { ...options, session }));
  return found?.order ?? null;
}

/** The delivery that the others of its conversation wait for; null when none is unfinished. */
function findFirst(
  database: Database,
  webhookId: string,
  conversationId: string,
): Promise<Pick<Delivery, '_id' | 'order' | 'nextAttemptAt'> | null> {
  const options = { ...SAFE_READ, projection: { order: 1, nextAttemptAt: 1 }, sort: { order: 1 as const }, hint: HINT };
  return database.deliveries.findOne(unfinishedOf(webhookId, conversationId), options);
}

/** How soon a repetition that must wait for another delivery is looked at again, and how late. */
const AGAIN_MS_MIN = 10_000;
const AGAIN_MS_MAX = 300_000;

/**
 * Puts off a repetition that is due but behind another delivery, as may be when the order was switched on while both
 * failed, or the other one was recovered. It uses no attempt, and comes with the other one's next attempt or soon after
 * the other one ended, at most five minutes. Two at once put it off twice; one that somebody leased meanwhile stays.
 * @param now the flow's time
 */
export async function putOff(
  database: Database,
  webhookId: string,
  { _id, conversationId }: Pick<Delivery, '_id' | 'conversationId'>,
  now: Date,
): Promise<void> {
  const first = conversationId === undefined ? null : await findFirst(database, webhookId, conversationId);
  const againMs = Math.max(now.getTime() + AGAIN_MS_MIN, first?.nextAttemptAt?.getTime() ?? 0);
  const nextAttemptAt = new Date(Math.min(againMs, now.getTime() + AGAIN_MS_MAX));
  const due = { _id, status: 'failed' as const, nextAttemptAt: { $lte: now } };
  await database.deliveries.updateOne(due, { $set: { nextAttemptAt } });
}

/** What a reader of the log has of a delivery. */
type Shown = Pick<Delivery, '_id' | 'status' | 'order' | 'conversationId' | 'batchId'>;

/** Ids of those that wait for an earlier one of their conversation, for who looks at them: as of a moment ago. */
export async function findBehind(
  database: Database,
  { _id: webhookId, ordering }: Pick<Webhook, '_id' | 'ordering'>,
  deliveries: Shown[],
): Promise<Set<string>> {
  // A batch that was attempted waits for nothing but its time.
  const waiting = deliveries.filter(
    ({ status, batchId }) => status === 'pending' || (status === 'failed' && batchId === undefined),
  );
  if (ordering === undefined || waiting.length === 0) return new Set();
  const conversationIds = [...new Set(waiting.flatMap(({ conversationId }) => conversationId ?? []))];
  const firsts = new Map<string, string>();
  for (const conversationId of conversationIds) {
    const first = await findFirst(database, webhookId, conversationId);
    if (first !== null) firsts.set(conversationId, first.order);
  }
  const isBehindFirst = ({ conversationId = '', order }: Shown): boolean =>
    order > (firsts.get(conversationId) ?? order);
  return new Set(waiting.filter(isBehindFirst).map(({ _id }) => _id));
}

const HINT = 'conversation_status_order';
const STARTED: Delivery['status'][] = ['delivering', 'failed'];

const unfinishedOf = (webhookId: string, conversationId: string) => ({
  conversationId: exactly(conversationId),
  status: { $in: LIVE_STATUSES },
  webhookId,
});
