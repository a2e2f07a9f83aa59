import { AppError } from '../../contract/errors';
import { ID_PREFIX } from '../../contract/ids';
import { refuseChat } from '../../domain/gateway-access';
import { findClaim } from '../../store/accounts/claims';
import type { Principal } from '../../store/gateway/principals';
import type { AgentReader } from '../../store/agents/agents';
import type { Agent } from '../../store/schema/collections/agents';
import type { Database } from '../../store/schema/database';
import { findAccount } from '../http/targets';

interface Deps {
  database: Database;
  agents: AgentReader;
}

/** An agent, as it is to the caller. */
export interface FoundAgent {
  agent: Agent;
  /** The caller's account has claimed it. */
  isOwned: boolean;
  /** The caller sees what all its users do with it: its owner, but no application of the owner's. */
  seesAll: boolean;
}

/**
 * The agent that a path names, by its handle as people type it or by its id, in whatever state a caller may still read of.
 * @throws AppError AGENT_NOT_FOUND the same for unknown, deleted and guests; FORBIDDEN for another than a key is for
 */
export async function findGatewayAgent(deps: Deps, principal: Principal, name: string): Promise<FoundAgent> {
  const found = await find(deps, principal, name);
  refuseOutOfScope(principal, found.agent);
  return found;
}

/**
 * The same for a turn: the caller may chat with it now (gateway.md §1.2).
 * @param mayWait nobody waits for the answer: a paused agent gets its message later
 * @throws AppError AGENT_NOT_FOUND, AGENT_SUSPENDED, AGENT_UNAVAILABLE, INBOX_RESTRICTED, FORBIDDEN
 */
export async function findChatAgent(
  deps: Deps,
  principal: Principal,
  name: string,
  rules: { mayWait?: boolean } = {},
): Promise<FoundAgent> {
  const found = await findMember(deps, principal, name, rules);
  refuseOutOfScope(principal, found.agent);
  return found;
}

/**
 * The same for a member of a team, whatever the caller's key is for: whether it is for the team is asked elsewhere.
 * @throws AppError AGENT_NOT_FOUND, AGENT_SUSPENDED, AGENT_UNAVAILABLE, INBOX_RESTRICTED
 */
export async function findMember(
  deps: Deps,
  principal: Principal,
  name: string,
  { mayWait = false }: { mayWait?: boolean } = {},
): Promise<FoundAgent> {
  const found = await find(deps, principal, name);
  const { status, isSystem, pausedByOwner, settings } = found.agent;
  const { inboxMode } = settings;
  const { isOwned } = found;
  const refusal = refuseChat({ status, isGuest: false, isSystem, pausedByOwner, inboxMode, isOwned, mayWait });
  if (refusal !== null) throw new AppError(refusal.code, refusal.details);
  return found;
}

async function find({ database, agents }: Deps, { ownerId, kind }: Principal, name: string): Promise<FoundAgent> {
  const agent = name.startsWith(ID_PREFIX.agent) ? await agents.findById(name) : await findAccount(agents, name);
  if (agent === null || agent.guestOf !== undefined || agent.status === 'deleted')
    throw new AppError('AGENT_NOT_FOUND');
  const claim = await findClaim(database, agent._id);
  const isOwned = claim?.ownerId === ownerId;
  return { agent, isOwned, seesAll: isOwned && kind === 'owner' };
}

function refuseOutOfScope({ agentId, teamId }: Principal, agent: Agent): void {
  if (teamId !== undefined) throw new AppError('FORBIDDEN', undefined, undefined, 'This key is for a team');
  if (agentId !== null && agentId !== agent._id) {
    throw new AppError('FORBIDDEN', undefined, undefined, 'This key is for another agent');
  }
}
