import type { Database } from '../database';

/** Those of these sessions of owners that are signed in. */
export async function findSignedInSessions(database: Database, sessionIds: string[], now: Date): Promise<Set<string>> {
  const rows = await database.ownerSessions
    .find(
      { _id: { $in: sessionIds }, expiresAt: { $gt: now } },
      { projection: { _id: 1 }, readConcern: { level: 'majority' }, maxTimeMS: 5_000 },
    )
    .toArray();
  return new Set(rows.map(({ _id }) => _id));
}
