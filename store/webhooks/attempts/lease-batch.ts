import type { Filter } from 'mongodb';
import { WEBHOOK_BATCH_LENGTH_MAX } from '../../../contract/webhook-limits';
import { WITHOUT_LOG, type Delivery } from '../../schema/collections/deliveries';
import { withTransaction, type Database } from '../../schema/database';
import { isDue, type Unit } from './units';
import { withdraw } from './withdraw';

/** A batch that is to be leased. */
export interface BatchToLease {
  unit: Unit;
  batchId: string;
  /** What being leased changes in each of its rows. */
  $set: object;
  now: Date;
}

/**
 * Makes the messages of a batch ours, all of them or none. Its first attempt puts them together for good: `batchId` stands
 * in each row from then on, they are leased, attempted, recorded and repeated as one, and whatever ends one of them alone
 * (a group that was deleted, an operator, a redelivery) takes it out of the attempts that follow.
 *
 * A first attempt takes what was chosen, whole or not at all. Were only what is left of an old choice taken, it would go
 * under an id that a receiver has seen, and be thrown away there as a duplicate.
 *
 * Dies before the commit: the rows wait as they did. After it: their leases end together, and `recordLost` counts the
 * attempt once for all. Two at once: one commits; the other's repeat finds that not all of it waits, or none is due.
 * @returns oldest first; empty when there is nothing to send any more
 */
export async function leaseBatch(database: Database, { unit, batchId, $set, now }: BatchToLease): Promise<Delivery[]> {
  const taken = await withTransaction(database, async (session) => {
    const rows = await database.deliveries
      .find(rowsOf(unit, batchId, now), { projection: { _id: 1, body: 1 }, sort: BY_ORDER, session })
      .toArray();
    const isFirst = unit.status === 'pending';
    const ids = (isFirst ? fitting(rows) : rows).map(({ _id }) => _id);
    if (ids.length === 0 || (isFirst && rows.length < unit.ids.length)) return [];
    const own = { _id: { $in: ids } };
    await database.deliveries.updateMany(own, [{ $set: { ...$set, batchId } }], { session });
    return database.deliveries.find(own, { projection: WITHOUT_LOG, sort: BY_ORDER, session }).toArray();
  });
  const isPast = await Promise.all(taken.map((delivery) => withdraw(database, delivery)));
  return taken.filter((_, index) => isPast[index] !== true);
}

/** One order for every attempt, so that its bytes are the same: two redeliveries may have one place. */
const BY_ORDER = { order: 1, _id: 1 } as const;

function rowsOf({ ids, status }: Unit, batchId: string, now: Date): Filter<Delivery> {
  return status === 'pending' ? { _id: { $in: ids }, status } : { batchId, ...isDue(now) };
}

/** As many as a request may hold, the oldest at least; the rest waits for the next one. */
function fitting(rows: Pick<Delivery, '_id' | 'body'>[]): typeof rows {
  let length = 0;
  const end = rows.findIndex(({ body }, index) => {
    length += body.length;
    return index > 0 && length > WEBHOOK_BATCH_LENGTH_MAX;
  });
  return end === -1 ? rows : rows.slice(0, end);
}
