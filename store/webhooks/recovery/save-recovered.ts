import type { Delivery } from '../../schema/collections/deliveries';
import { withTransaction, type Database } from '../../schema/database';
import { markReplayed } from '../attempts/replay';
import { insertNew } from '../intents/save-deliveries';

/** A delivery that is sent again, and the one that takes its place. */
export interface Recovered {
  original: Delivery;
  delivery: Delivery;
}

/**
 * Writes a part of a recovery: originals marked and what takes their places, with deliveries that were never made, in one
 * commit. A crash leaves all of it or nothing, and the next run reads the same part again.
 *
 * Two at once, be it two recoveries of one time, a redelivery or an attempt that starts: the mark of an original conflicts,
 * and the repeat finds it marked, or no longer what was to be sent again. Deliveries that were never made have ids that
 * are functions of message and webhook, also for the expansion of an intent that comes late. Of a webhook that is gone or
 * inactive by now nothing is written.
 * @returns what was new
 */
export function saveRecovered(
  database: Database,
  webhookId: string,
  { replays, made, now }: { replays: Recovered[]; made: Delivery[]; now: Date },
): Promise<Delivery[]> {
  return withTransaction(database, async (session) => {
    const webhook = await database.webhooks.findOne(
      { _id: webhookId, active: true },
      { projection: { _id: 1 }, session },
    );
    if (webhook === null) return [];
    const rows = await database.deliveries
      .find(
        { _id: { $in: replays.map(({ original }) => original._id) }, replayedAt: null },
        { projection: { status: 1 }, session },
      )
      .toArray();
    const statuses = new Map(rows.map(({ _id, status }) => [_id, status]));
    const left = replays.filter(({ original }) => statuses.get(original._id) === original.status);
    if (left.length > 0) {
      const marks = left.map(({ original, delivery }) => ({ updateOne: markReplayed(original, delivery._id, now) }));
      await database.deliveries.bulkWrite(marks, { session });
    }
    return insertNew(database, [...left.map(({ delivery }) => delivery), ...made], session);
  });
}
