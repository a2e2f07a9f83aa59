import { AppError } from '../../contract/errors';
import { TEAM_MEMBERS_MAX, TEAMS_PER_OWNER_MAX } from '../../contract/limits';
import type { Agent } from '../schema/collections/agents';
import type { GatewayTeam } from '../schema/collections/gateway-teams';
import type { Database } from '../schema/database';
import { READ, SAFE_READ, WRITE } from '../schema/reads';

/** Teams of owners: each change is one atomic write of the team's row, so a crash leaves it as it was or as it is to be. */

/** @throws AppError LIMIT_REACHED; two at once may exceed it by one, which harms nobody */
export async function insertTeam(database: Database, team: GatewayTeam): Promise<void> {
  const count = await database.gatewayTeams.countDocuments({ ownerId: team.ownerId }, READ);
  if (count >= TEAMS_PER_OWNER_MAX) throw new AppError('LIMIT_REACHED', { limit: TEAMS_PER_OWNER_MAX });
  await database.gatewayTeams.insertOne(team, WRITE);
}

/** A team of the owner. @throws AppError TEAM_NOT_FOUND the same for another owner's and one that never was */
export async function loadTeam(database: Database, ownerId: string, id: string): Promise<GatewayTeam> {
  const team = await database.gatewayTeams.findOne({ _id: id, ownerId }, SAFE_READ);
  if (team === null) throw new AppError('TEAM_NOT_FOUND');
  return team;
}

/** The teams of an owner, the oldest first. */
export function listTeams(database: Database, ownerId: string): Promise<GatewayTeam[]> {
  return database.gatewayTeams
    .find({ ownerId }, { ...SAFE_READ, sort: { createdAt: 1, _id: 1 }, limit: TEAMS_PER_OWNER_MAX + 1 })
    .toArray();
}

export type TeamChange = Partial<
  Pick<GatewayTeam, 'name' | 'description' | 'chatMode' | 'members' | 'summarizerId' | 'maxRounds'>
>;

/** Of two changes at once the fields of both are there, and of one field the last one. @throws AppError TEAM_NOT_FOUND */
export async function updateTeam(
  database: Database,
  { _id, ownerId }: GatewayTeam,
  change: TeamChange,
  updatedAt: Date,
): Promise<GatewayTeam> {
  const team = await database.gatewayTeams.findOneAndUpdate(
    { _id, ownerId },
    { $set: { ...change, updatedAt } },
    { returnDocument: 'after', ...WRITE },
  );
  if (team === null) throw new AppError('TEAM_NOT_FOUND');
  return team;
}

/**
 * Adds a member behind the others, or gives the member that it is already another role. Two at once add it once: the
 * second write finds it there.
 * @throws AppError TEAM_NOT_FOUND, LIMIT_REACHED
 */
export async function addMember(
  database: Database,
  { _id, ownerId }: GatewayTeam,
  { agentId, role }: { agentId: string; role: string | null },
  updatedAt: Date,
): Promise<GatewayTeam> {
  const added = await database.gatewayTeams.findOneAndUpdate(
    { _id, ownerId, 'members.agentId': { $ne: agentId }, [`members.${TEAM_MEMBERS_MAX - 1}`]: { $exists: false } },
    { $push: { members: { agentId, role } }, $set: { updatedAt } },
    { returnDocument: 'after', ...WRITE },
  );
  if (added !== null) return added;
  const changed = await database.gatewayTeams.findOneAndUpdate(
    { _id, ownerId, 'members.agentId': agentId },
    { $set: { 'members.$.role': role, updatedAt } },
    { returnDocument: 'after', ...WRITE },
  );
  if (changed !== null) return changed;
  await loadTeam(database, ownerId, _id);
  throw new AppError('LIMIT_REACHED', { limit: TEAM_MEMBERS_MAX });
}

/** @throws AppError TEAM_NOT_FOUND, AGENT_NOT_FOUND when it is no member */
export async function removeMember(
  database: Database,
  { _id, ownerId }: GatewayTeam,
  agentId: string,
  updatedAt: Date,
): Promise<GatewayTeam> {
  const team = await database.gatewayTeams.findOneAndUpdate(
    { _id, ownerId, 'members.agentId': agentId },
    { $pull: { members: { agentId } }, $set: { updatedAt } },
    { returnDocument: 'after', ...WRITE },
  );
  if (team !== null) return team;
  await loadTeam(database, ownerId, _id);
  throw new AppError('AGENT_NOT_FOUND');
}

/**
 * Deletes a team. First no turn can begin any more, then its sessions close; a crash in between leaves sessions that
 * nobody can reach.
 * @returns its open turns, the last first, which are for the caller to end; false when it was deleted before
 */
export async function deleteTeam(
  database: Database,
  { _id, ownerId }: GatewayTeam,
  at: Date,
): Promise<string[] | false> {
  const { deletedCount } = await database.gatewayTeams.deleteOne({ _id, ownerId }, WRITE);
  if (deletedCount === 0) return false;
  await database.gatewaySessions.updateMany(
    { agentId: _id, status: 'active' },
    { $set: { status: 'closed', closedAt: at }, $unset: { isCurrent: '' } },
    WRITE,
  );
  const open = await database.gatewayExecutions
    .find(
      { agentId: _id, status: { $in: ['queued', 'running'] } },
      { ...READ, sort: { queuedAt: -1 }, projection: { _id: 1 } },
    )
    .toArray();
  return open.map(({ _id: id }) => id);
}

/** Agents that teams show, by id; also those that are gone. */
export async function agentsOfTeams(
  database: Database,
  teams: Pick<GatewayTeam, 'members'>[],
): Promise<Map<string, Agent>> {
  const ids = [...new Set(teams.flatMap(({ members }) => members.map(({ agentId }) => agentId)))];
  if (ids.length === 0) return new Map();
  const agents = await database.agents.find({ _id: { $in: ids } }, READ).toArray();
  return new Map(agents.map((agent) => [agent._id, agent]));
}
