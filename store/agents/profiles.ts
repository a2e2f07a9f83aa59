import type { Agent } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** What lists show of an account, whatever its state. */
export type Profile = Pick<Agent, '_id' | 'handle' | 'displayName' | 'avatarKey'>;

/** Handle, name and picture of accounts in any state, by id. */
export async function findProfiles(database: Database, agentIds: string[]): Promise<Map<string, Profile>> {
  const rows = await database.agents
    .find<Profile>({ _id: { $in: agentIds } }, { projection: { handle: 1, displayName: 1, avatarKey: 1 }, ...READ })
    .toArray();
  return new Map(rows.map((row) => [row._id, row]));
}
