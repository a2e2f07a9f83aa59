import { pairId } from '../../domain/guards';
import { membershipId } from '../schema/collections/groups';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';

/** Groups of one agent that are looked at; nobody takes part in more. */
const GROUPS_MAX = 10_000;

/**
 * Whether the two share a conversation that `agentId` is in now: a direct one, or a group that `otherId` is in or left
 * after `agentId` came. Reads by ids alone: the pair, the agent's groups, and the other's place in each of them.
 */
export async function shareConversation(database: Database, agentId: string, otherId: string): Promise<boolean> {
  const pair = await database.guards.findOne(
    { _id: pairId(agentId, otherId), conversationId: { $type: 'string' } },
    { ...SAFE_READ, projection: { _id: 1 } },
  );
  if (pair !== null) return true;
  const own = await database.memberships
    .find(
      { agentId, leftAt: null },
      { ...SAFE_READ, projection: { groupId: 1, joinedAt: 1 }, limit: GROUPS_MAX, hint: 'agent_active' },
    )
    .toArray();
  if (own.length === 0) return false;
  const others = await database.memberships
    .find(
      { _id: { $in: own.map(({ groupId }) => membershipId(groupId, otherId)) } },
      { ...SAFE_READ, projection: { groupId: 1, leftAt: 1 }, limit: GROUPS_MAX },
    )
    .toArray();
  const joinedAt = new Map(own.map((place) => [place.groupId, place.joinedAt]));
  return others.some(({ groupId, leftAt }) => leftAt === null || leftAt > (joinedAt.get(groupId) ?? leftAt));
}
