import { getMe } from '../../contract/endpoints';
import { presentSelf } from '../presenters/self';
import { agentRoute, type Route } from '../route';

/** `GET /v1/agents/me`: identity.md §7. */
export function agentRoutes(deps: { publicBaseUrl: string }): Route[] {
  return [
    agentRoute(getMe, (ctx) => Promise.resolve({ status: 200, body: presentSelf(ctx.agent, deps.publicBaseUrl) })),
  ];
}
