import { afterRowFailure, type RowFailure } from '../../domain/outbox-retry';
import type { OutboxRow } from '../schema/collections/outbox';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Rows of the outbox whose effect failed: passed over for a while, so that they hold up no other of their kind. */

/** What is passed over at `now` is left out of a query for rows. */
export const notPassedOver = (now: Date) => ({ 'failed.retryAt': { $not: { $gt: now } } });

/**
 * Records that the effect of a row failed. Two workers that failed with it at once count as one. A row that another one
 * took meanwhile is not made again. Dies before it: the row is tried again at once, as though nothing had been.
 * @param error name and code; no message
 */
export async function noteRowFailure(
  database: Database,
  { _id, failed }: Pick<OutboxRow, '_id' | 'failed'>,
  { error, now }: { error: string; now: Date },
): Promise<RowFailure> {
  const after = afterRowFailure(failed, { error, now });
  await database.outbox.updateOne({ _id }, { $set: { failed: after } });
  return after;
}

/** A page of rows that failed, the longest failing first: strictly behind `after`, where it is given. */
export async function listFailedRows(
  database: Database,
  { after, limit, now }: { after?: { since: Date; id: string }; limit: number; now: Date },
): Promise<FailedRow[]> {
  const behind =
    after === undefined
      ? {}
      : {
          'failed.since': { $gte: after.since },
          $or: [{ 'failed.since': { $gt: after.since } }, { _id: { $gt: after.id } }],
        };
  const rows = await database.outbox
    .find(
      { $and: [{ 'failed.since': { $lte: now, $type: 'date' } }, behind] },
      {
        projection: { kind: 1, createdAt: 1, failed: 1 },
        sort: { 'failed.since': 1, _id: 1 },
        limit,
        ...READ,
      },
    )
    .toArray();
  return rows.flatMap(({ _id, kind, createdAt, failed }) =>
    failed === undefined ? [] : [{ _id, kind, createdAt, failed }],
  );
}

/** What operators see of one: never what it is about, which may be personal. */
export type FailedRow = Pick<OutboxRow, '_id' | 'kind' | 'createdAt'> & { failed: RowFailure };

/** Counting stops here: by then an operator has to act. */
const COUNTED_MAX = 10_000;

/** How many rows of each kind failed at their last try. */
export async function countFailedRows(database: Database, now: Date): Promise<Map<string, number>> {
  const counts = await database.outbox
    .aggregate<{ _id: string; count: number }>(
      [
        { $match: { 'failed.since': { $lte: now, $type: 'date' } } },
        { $limit: COUNTED_MAX },
        { $group: { _id: '$kind', count: { $sum: 1 } } },
      ],
      READ,
    )
    .toArray();
  return new Map(counts.map(({ _id, count }) => [_id, count]));
}

/**
 * Makes a row that failed due at once; its failures stay counted. Repeating it changes nothing.
 * @returns false when there is no such row, or it did not fail
 */
export async function retryRowNow(database: Database, id: string, now: Date): Promise<boolean> {
  const { matchedCount } = await database.outbox.updateOne(
    { _id: id, 'failed.since': { $lte: now, $type: 'date' } },
    { $set: { 'failed.retryAt': now } },
  );
  return matchedCount === 1;
}
