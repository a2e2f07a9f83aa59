import { AppError } from '../../contract/errors';
import { ID_PREFIX } from '../../contract/ids';
import { refuseChat } from '../../domain/gateway-access';
import type { Offer } from '../../domain/x402';
import { findOpenSettings } from '../../store/gateway/payment-settings';
import type { AgentReader } from '../../store/agents/agents';
import type { Agent } from '../../store/schema/collections/agents';
import type { Database } from '../../store/schema/database';
import { findAccount } from '../http/targets';

/** An agent that strangers may pay for turns with. */
export interface OfferedAgent {
  agent: Agent;
  offer: Offer;
}

/**
 * The agent that a path names, with what its owner asks for a turn.
 * @throws AppError AGENT_NOT_FOUND the same for agents that take no payments and those that never were
 */
export async function findOffer(
  { database, agents, publicBaseUrl }: { database: Database; agents: AgentReader; publicBaseUrl: string },
  name: string,
): Promise<OfferedAgent> {
  const agent = name.startsWith(ID_PREFIX.agent) ? await agents.findById(name) : await findAccount(agents, name);
  const isThere = agent !== null && agent.guestOf === undefined && agent.status !== 'deleted';
  const settings = isThere ? await findOpenSettings(database, agent._id) : null;
  if (!isThere || settings === null) throw new AppError('AGENT_NOT_FOUND');
  const { price, payTo, description, timeoutSeconds } = settings;
  return {
    agent,
    offer: {
      price,
      payTo,
      description: description ?? `A turn with @${agent.handle}`,
      timeoutSeconds,
      resource: `${publicBaseUrl}/api/paid/${agent.handle}/chat`,
    },
  };
}

/** The owner's offer is leave enough, but not while the agent cannot answer. @throws AppError AGENT_SUSPENDED, AGENT_UNAVAILABLE */
export function refuseUnavailable({ status, isSystem, pausedByOwner, settings }: Agent): void {
  const { inboxMode } = settings;
  const refusal = refuseChat({ status, isGuest: false, isSystem, pausedByOwner, inboxMode, isOwned: true });
  if (refusal !== null) throw new AppError(refusal.code, refusal.details);
}
