import { AppError } from '../../contract/errors';
import type { Principal } from '../../store/gateway/principals';
import { loadTeam } from '../../store/gateway/teams';
import type { GatewayTeam } from '../../store/schema/collections/gateway-teams';
import type { Database } from '../../store/schema/database';

type Caller = Pick<Principal, 'agentId' | 'teamId'> & { ownerId: string };

/**
 * A team of the caller's account, to talk with: for its owner, and for keys that are for all agents or for this team.
 * @throws AppError TEAM_NOT_FOUND the same for another account's and one that never was; FORBIDDEN for another key
 */
export async function findTeam(database: Database, caller: Caller, id: string): Promise<GatewayTeam> {
  const team = await loadTeam(database, caller.ownerId, id);
  const isForIt = caller.teamId === undefined ? caller.agentId === null : caller.teamId === team._id;
  if (!isForIt) throw outOfScope();
  return team;
}

/** Teams are managed by their owner, and with keys that are for everything. @throws AppError FORBIDDEN */
export function requireManager({ agentId, teamId }: Caller): void {
  if (agentId !== null || teamId !== undefined) throw outOfScope();
}

const outOfScope = (): AppError => new AppError('FORBIDDEN', undefined, undefined, 'This key is for something else');
