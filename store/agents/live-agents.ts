import type { Agent } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** More accounts than operators let one email have. */
const LIVE_MAX = 100;

/**
 * The accounts that an email backs now, suspended ones too, oldest first; never system agents (identity.md §15). One
 * read by the index on email, the same for emails that back none.
 */
export function findLiveByEmail(database: Database, email: string): Promise<Pick<Agent, '_id' | 'handle'>[]> {
  return database.agents
    .find(
      { email, status: { $in: ['active', 'restricted', 'suspended'] }, isSystem: false },
      { projection: { handle: 1 }, sort: { createdAt: 1 }, limit: LIVE_MAX, ...READ },
    )
    .toArray();
}
