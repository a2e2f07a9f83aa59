import { ALL_WEBHOOK_EVENTS } from '../../../contract/events';
import { WITHOUT_LOG, type Delivery } from '../../schema/collections/deliveries';
import type { Database } from '../../schema/database';
import { SAFE_READ } from '../../schema/reads';
import { behind, BY_TIME, type LogPlace } from '../recovery/owed';

/** What happened, as the log of a webhook tells, in the order of the events: each once, whatever was sent again of it. */
export function readLogged(
  database: Database,
  webhookId: string,
  { after, limit, now }: { after: LogPlace; limit: number; now: Date },
): Promise<Delivery[]> {
  return database.deliveries
    .find(
      {
        webhookId,
        event: { $in: [...ALL_WEBHOOK_EVENTS] },
        replayOf: null,
        ...behind(after),
        expiresAt: { $not: { $lte: now } },
      },
      {
        ...SAFE_READ,
        projection: WITHOUT_LOG,
        sort: BY_TIME,
        limit,
        hint: 'webhook_event_created_order',
      },
    )
    .toArray();
}

/** How often a delivery that was sent again is followed to the next one. */
const FOLLOWED_MAX = 10;

type Last = Pick<Delivery, '_id' | 'status' | 'replayedAsId'>;

/** What became of deliveries in the end: of those that were sent again the newest one, by the first one's id. */
export async function lastOf(database: Database, deliveries: Last[]): Promise<Map<string, Last>> {
  const last = new Map(deliveries.map((delivery) => [delivery._id, delivery]));
  for (let round = 0; round < FOLLOWED_MAX; round += 1) {
    const followed = [...last].flatMap(([first, { replayedAsId }]) =>
      replayedAsId === null ? [] : [[first, replayedAsId] as const],
    );
    const ids = followed.map(([, id]) => id);
    if (ids.length === 0) break;
    const rows = await database.deliveries
      .find({ _id: { $in: ids } }, { ...SAFE_READ, projection: { status: 1, replayedAsId: 1 }, limit: ids.length })
      .toArray();
    if (rows.length === 0) break;
    const byId = new Map(rows.map((row) => [row._id, row]));
    for (const [first, id] of followed) {
      const next = byId.get(id);
      const known = last.get(first);
      // The next one may be gone; then what is known is the end.
      if (next !== undefined) last.set(first, next);
      else if (known !== undefined) last.set(first, { ...known, replayedAsId: null });
    }
  }
  return last;
}
