import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';

/** Those of these sessions of owners that are signed in. */
export async function findSignedInSessions(database: Database, sessionIds: string[], now: Date): Promise<Set<string>> {
  const rows = await database.ownerSessions
    .find({ _id: { $in: sessionIds }, expiresAt: { $gt: now } }, { projection: { _id: 1 }, ...SAFE_READ })
    .toArray();
  return new Set(rows.map(({ _id }) => _id));
}
