import {
  getGatewayAgent,
  getGatewayAgentBare,
  listGatewayAgents,
  listGatewayAgentsBare,
} from '../../../contract/endpoints-gateway';
import { AppError } from '../../../contract/errors';
import { listClaimed } from '../../../store/accounts/claims';
import { findAgentsWithSessions } from '../../../store/gateway/sessions';
import type { Agent } from '../../../store/schema/collections/agents';
import { presentGatewayAgent } from '../../../presenters/gateway';
import type { PresenceService } from '../../realtime/presence/presence';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findGatewayAgent } from '../../turns/find-agent';
import type { GatewayDeps } from './gateway-deps';

type Deps = GatewayDeps & { presence: PresenceService };

/** The agents of a caller: gateway.md §2. */
export function gatewayAgentRoutes(deps: Deps): Route[] {
  const list = (ctx: GatewayContext) => listAgents(ctx, deps);
  const get = (ctx: GatewayContext) => getAgent(ctx, deps);
  return [
    gatewayRoute(listGatewayAgents, list),
    gatewayRoute(listGatewayAgentsBare, list),
    gatewayRoute(getGatewayAgent, get),
    gatewayRoute(getGatewayAgentBare, get),
  ];
}

async function listAgents({ owner, principal }: GatewayContext, deps: Deps): Promise<Reply> {
  if (principal.teamId !== undefined) throw new AppError('FORBIDDEN', undefined, undefined, 'This key is for a team');
  const owned = (await listClaimed(deps.database, owner.id)).map(({ agent }) => agent);
  const ids = new Set(owned.map(({ _id }) => _id));
  const others = (await findAgentsWithSessions(deps.database, principal)).filter(({ _id }) => !ids.has(_id));
  const online = await findOnline(deps, [...owned, ...others]);
  const views = [...owned, ...others].map((agent) =>
    presentGatewayAgent(agent, { isOwned: ids.has(agent._id), isOnline: online.has(agent._id) }),
  );
  return { status: 200, json: JSON.stringify(views) };
}

async function getAgent(ctx: GatewayContext, deps: Deps): Promise<Reply> {
  const { agent, isOwned } = await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');
  const online = await findOnline(deps, [agent]);
  return { status: 200, body: presentGatewayAgent(agent, { isOwned, isOnline: online.has(agent._id) }) };
}

async function findOnline({ presence }: Deps, agents: Agent[]): Promise<Set<string>> {
  const states = await presence.read(agents.map(({ _id }) => _id));
  return new Set([...states].flatMap(([id, { status }]) => (status === 'offline' ? [] : [id])));
}
