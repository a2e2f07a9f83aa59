import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';
import { countWaiting, earliestDue } from '../attempts/waiting';

/** What waits for an endpoint, and what it never got. Counts stop at 1,000 of each state: it is known then that it is many. */
export interface Backlog {
  /** First attempts that wait. */
  pending: number;
  /** What failed and is repeated. */
  failed: number;
  /** Given up within 30 days and not sent again since. */
  dead: number;
  /** When the first of what failed is due; null when nothing did. */
  earliestDue: Date | null;
}

/** Looks at no more than this many of those that were given up, the newest first. */
const LOOKED_MAX = 1_000;

/** The backlog of one endpoint: four reads of a bounded number of rows, each by an index. */
export async function readBacklog(database: Database, webhookId: string): Promise<Backlog> {
  const [waiting, dead, due] = await Promise.all([
    countWaiting(database, webhookId),
    countDead(database, webhookId),
    earliestDue(database, webhookId),
  ]);
  return { ...waiting, dead, earliestDue: due };
}

/** Whether one was sent again stands in no index, so first those that are looked at are bounded, then counted. */
async function countDead(database: Database, webhookId: string): Promise<number> {
  const [counted] = await database.deliveries
    .aggregate<{ count: number }>(
      [
        { $match: { webhookId, status: 'dead' } },
        { $sort: { createdAt: -1, order: -1, _id: -1 } },
        { $limit: LOOKED_MAX },
        { $match: { replayedAt: null } },
        { $count: 'count' },
      ],
      { ...READ, hint: 'webhook_ended_created_order' },
    )
    .toArray();
  return counted?.count ?? 0;
}
