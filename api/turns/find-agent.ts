import { AppError } from '../../contract/errors';
import { ID_PREFIX } from '../../contract/ids';
import { refuseChat } from '../../domain/gateway-access';
import { findClaim } from '../../store/accounts/claims';
import type { AgentReader } from '../../store/agents/agents';
import type { Agent } from '../../store/schema/collections/agents';
import type { Database } from '../../store/schema/database';
import { findAccount } from '../http/targets';

interface Deps {
  database: Database;
  agents: AgentReader;
}

/** An agent, and whether the caller has claimed it. */
export interface FoundAgent {
  agent: Agent;
  isOwned: boolean;
}

/**
 * The agent that a path names, by its handle as people type it or by its id, in whatever state a caller may still read of.
 * @throws AppError AGENT_NOT_FOUND the same for unknown, deleted and guests
 */
export async function findGatewayAgent(
  { database, agents }: Deps,
  owner: { id: string },
  name: string,
): Promise<FoundAgent> {
  const agent = name.startsWith(ID_PREFIX.agent) ? await agents.findById(name) : await findAccount(agents, name);
  if (agent === null || agent.guestOf !== undefined || agent.status === 'deleted')
    throw new AppError('AGENT_NOT_FOUND');
  const claim = await findClaim(database, agent._id);
  return { agent, isOwned: claim?.ownerId === owner.id };
}

/**
 * The same for a turn: the caller may chat with it now (gateway.md §1.2).
 * @throws AppError AGENT_NOT_FOUND, AGENT_SUSPENDED, AGENT_UNAVAILABLE, INBOX_RESTRICTED
 */
export async function findChatAgent(deps: Deps, owner: { id: string }, name: string): Promise<FoundAgent> {
  const found = await findGatewayAgent(deps, owner, name);
  const { status, pausedByOwner, settings } = found.agent;
  const { inboxMode } = settings;
  const refusal = refuseChat({ status, isGuest: false, pausedByOwner, inboxMode, isOwned: found.isOwned });
  if (refusal !== null) throw new AppError(refusal.code, refusal.details);
  return found;
}
