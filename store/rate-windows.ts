import { duplicateKeyIndex, type Database } from './database';

export interface RateHit {
  scope: string;
  subject: string;
  limit: number;
  windowMs: number;
  now: Date;
}

/**
 * Counts one hit in a fixed window aligned to the epoch, shared by all processes; rejected hits count too.
 * One atomic step: two at once are both counted. A crash loses at most the hit itself.
 * @returns `retryAfterMs` until the window ends
 */
export async function hitRateWindow(
  database: Database,
  hit: RateHit,
): Promise<{ allowed: boolean; count: number; retryAfterMs: number }> {
  const nowMs = hit.now.getTime();
  const startMs = Math.floor(nowMs / hit.windowMs) * hit.windowMs;
  const endMs = startMs + hit.windowMs;
  const count = await increment(database, `${hit.scope}:${hit.subject}:${startMs}`, new Date(endMs));
  return { allowed: count <= hit.limit, count, retryAfterMs: endMs - nowMs };
}

/** Two first hits of one window can collide on the insert: the loser's second try finds the row. */
async function increment(database: Database, _id: string, expiresAt: Date): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      const row = await database.rateWindows.findOneAndUpdate(
        { _id },
        { $inc: { count: 1 }, $setOnInsert: { expiresAt } },
        { upsert: true, returnDocument: 'after', maxTimeMS: 2_000 },
      );
      return row?.count ?? 1;
    } catch (error) {
      if (tries > 3 || duplicateKeyIndex(error) === null) throw error;
    }
  }
}
