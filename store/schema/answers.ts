import type { Database } from './database';
import { within } from './deadline';

/** A ping that takes longer is as good as none. */
const PING_MS_MAX = 2_000;

/** Whether the database answers at all: tells a call that is too slow from a database that is out of reach. */
export function databaseAnswers(database: Pick<Database, 'db'>): Promise<boolean> {
  return within(PING_MS_MAX, database.db.command({ ping: 1 })).then(
    () => true,
    () => false,
  );
}
