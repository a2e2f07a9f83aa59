import { WITHOUT_LOG, type Delivery } from '../../schema/collections/deliveries';
import type { Database } from '../../schema/database';
import { SAFE_READ } from '../../schema/reads';
import { indexOf, owedBy, type RecoveryScope } from './scope';

/**
 * Where in a log by time a reader is. What one expansion made has one time: the order of the events decides then, and
 * the id only between two deliveries of one event. An empty order is the beginning of its millisecond.
 */
export interface LogPlace {
  at: Date;
  order: string;
  id: string;
}

export const behind = ({ at, order, id }: LogPlace) => ({
  createdAt: { $gte: at },
  $or: [{ createdAt: { $gt: at } }, { order: { $gt: order } }, { order, _id: { $gt: id } }],
});

/** Oldest first, as `behind` goes on. */
export const BY_TIME = { createdAt: 1, order: 1, _id: 1 } as const;

/** The next deliveries that a recovery sends again, oldest first. */
export function readOwed(
  database: Database,
  webhookId: string,
  { scope, after, limit, now }: { scope: RecoveryScope; after: LogPlace; limit: number; now: Date },
): Promise<Delivery[]> {
  return database.deliveries
    .find(
      { $and: [...owedBy(webhookId, scope), behind(after), { expiresAt: { $not: { $lte: now } } }] },
      { ...SAFE_READ, projection: WITHOUT_LOG, sort: BY_TIME, limit, hint: indexOf(scope) },
    )
    .toArray();
}

/** How many these are, counted up to `max`. */
export function countOwed(database: Database, webhookId: string, scope: RecoveryScope, max: number): Promise<number> {
  return database.deliveries.countDocuments(
    { $and: owedBy(webhookId, scope) },
    { ...SAFE_READ, limit: max, hint: indexOf(scope) },
  );
}
