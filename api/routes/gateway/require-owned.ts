import { AppError } from '../../../contract/errors';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewayContext } from '../../http/route';
import { findGatewayAgent } from '../../turns/find-agent';
import type { GatewayDeps } from './gateway-deps';

/**
 * The agent that its owner calls about, for what the owner alone decides.
 * @param what it is, for applications that try it with a key
 * @throws AppError FORBIDDEN for keys, AGENT_NOT_FOUND for agents of others
 */
export async function requireOwned(
  { principal, params }: GatewayContext,
  deps: GatewayDeps,
  what: string,
): Promise<Agent> {
  if (principal.kind === 'key') throw new AppError('FORBIDDEN', undefined, undefined, `A key cannot manage ${what}`);
  const { agent, isOwned } = await findGatewayAgent(deps, principal, params.name ?? '');
  if (!isOwned) throw new AppError('AGENT_NOT_FOUND');
  return agent;
}
