import type { Database } from '../schema/database';
import { QUICK_READ } from '../schema/reads';

/**
 * How long the oldest row of each kind has waited for its relay, in seconds; kinds without rows are absent. One step of
 * an index per kind, however many rows wait.
 */
export async function outboxAge(database: Database, now: Date): Promise<{ kind: string; seconds: number }[]> {
  const kinds = await database.outbox.distinct('kind', {}, QUICK_READ);
  const oldest = await Promise.all(
    kinds.map((kind) =>
      database.outbox.findOne(
        { kind },
        { sort: { createdAt: 1 }, projection: { kind: 1, createdAt: 1 }, ...QUICK_READ },
      ),
    ),
  );
  return oldest.flatMap((row) =>
    row === null ? [] : [{ kind: row.kind, seconds: Math.max(0, (now.getTime() - row.createdAt.getTime()) / 1_000) }],
  );
}
