import { deliveryOrder, WITHOUT_LOG, type Delivery } from '../../schema/collections/deliveries';
import { withTransaction, type Database } from '../../schema/database';
import { READ } from '../../schema/reads';
import { replayIdOf, replayOf } from './replay';

/** Deliveries that were given up after their last attempt (webhooks.md §8). */

export interface DeadLetter {
  delivery: Delivery;
  /** The webhook is still registered. */
  hasWebhook: boolean;
}

/** A page, newest first: strictly older than `before`, where it is given. */
export async function listDeadLetters(
  database: Database,
  { before, limit, now }: { before?: { at: Date; id: string }; limit: number; now: Date },
): Promise<DeadLetter[]> {
  const older =
    before === undefined
      ? {}
      : { deadAt: { $lte: before.at }, $or: [{ deadAt: { $lt: before.at } }, { _id: { $lt: before.id } }] };
  const deliveries = await database.deliveries
    .find(
      { $and: [{ deadAt: { $type: 'date' } }, older], expiresAt: { $gt: now } },
      { projection: WITHOUT_LOG, sort: { deadAt: -1, _id: -1 }, limit, ...READ },
    )
    .toArray();
  const ids = [...new Set(deliveries.map(({ webhookId }) => webhookId))];
  const rows = await database.webhooks
    .find({ _id: { $in: ids } }, { projection: { _id: 1 }, limit: ids.length, ...READ })
    .toArray();
  const known = new Set(rows.map(({ _id }) => _id));
  return deliveries.map((delivery) => ({ delivery, hasWebhook: known.has(delivery.webhookId) }));
}

export type Replay = { kind: 'replayed'; id: string } | { kind: 'unknown' | 'replayed_before' | 'webhook_inactive' };

/**
 * Sends a dead letter again: a new delivery of the same bytes, due at once, and the original marked, in one commit. Two
 * at once, or a repeat after a lost answer: the second finds it marked. A webhook that is deleted meanwhile takes the
 * new delivery along, as it does with all others.
 */
export function replayDeadLetter(database: Database, { id, now }: { id: string; now: Date }): Promise<Replay> {
  return withTransaction(database, async (session) => {
    const dead = await database.deliveries.findOne(
      { _id: id, status: 'dead', expiresAt: { $gt: now } },
      { projection: WITHOUT_LOG, session },
    );
    if (dead === null) return { kind: 'unknown' };
    if (dead.replayedAt !== null) return { kind: 'replayed_before' };
    const webhook = await database.webhooks.findOne({ _id: dead.webhookId, active: true }, { session });
    if (webhook === null) return { kind: 'webhook_inactive' };
    const replayedAsId = replayIdOf(dead);
    const order = deliveryOrder(dead.position ?? 0, now);
    await database.deliveries.updateOne({ _id: id }, { $set: { replayedAt: now, replayedAsId } }, { session });
    await database.deliveries.insertOne(replayOf(dead, replayedAsId, { order, now }), { session });
    return { kind: 'replayed', id: replayedAsId };
  });
}

/** How many deliveries were given up since `since`, counted up to `max`. */
export function countDeadLetters(database: Database, since: Date, max: number): Promise<number> {
  return database.deliveries.countDocuments({ deadAt: { $gt: since, $type: 'date' } }, { limit: max, ...READ });
}
