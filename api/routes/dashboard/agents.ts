import {
  claimAgent as claimEndpoint,
  getClaimedAgent,
  listClaimedAgents,
  releaseAgent,
} from '../../../contract/endpoints-dashboard';
import { AppError } from '../../../contract/errors';
import { claimSchema } from '../../../contract/owners';
import { findClaimedAgent, listClaimed } from '../../../store/accounts/claims';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import { claimByKey, type ClaimDeps } from '../../commands/claim-agent';
import type { Commands } from '../../commands/commands';
import { presentAgentProfile, presentClaimed } from '../../../presenters/owner';
import { ownerRoute, type OwnerContext, type Route } from '../../http/route';

export interface DashboardAgentDeps extends ClaimDeps {
  commands: Commands;
  publicBaseUrl: string;
}

/** Claim, list, profile, end of a claim: dashboard.md §4. */
export function dashboardAgentRoutes(deps: DashboardAgentDeps): Route[] {
  const { database, publicBaseUrl } = deps;
  return [
    ownerRoute(claimEndpoint, async (ctx) => {
      const { api_key: apiKey } = ctx.validate(claimSchema, await ctx.readBody());
      const { owner, clientIp, now } = ctx;
      const claimant = { ownerId: owner.id, clientIp, userAgent: ctx.header('user-agent'), at: now };
      const claimed = await claimByKey(deps, apiKey, claimant);
      return { status: claimed.isNew ? 201 : 200, body: presentClaimed(claimed, publicBaseUrl) };
    }),
    ownerRoute(listClaimedAgents, async ({ owner }) => {
      const agents = await listClaimed(database, owner.id);
      return { status: 200, body: { agents: agents.map((one) => presentClaimed(one, publicBaseUrl)) } };
    }),
    ownerRoute(getClaimedAgent, async (ctx) => {
      return { status: 200, body: presentAgentProfile(await ownAgent(database, ctx), publicBaseUrl) };
    }),
    ownerRoute(releaseAgent, async (ctx) => {
      const agent = await ownAgent(database, ctx);
      await deps.commands.endClaim(ctx.owner, agent, ctx.now);
      return { status: 200, body: { message: `@${agent.handle} was released` } };
    }),
  ];
}

/**
 * The agent that `:handle` names.
 * @throws AppError AGENT_NOT_FOUND the same for somebody else's, nobody's and one that never was
 */
export async function ownAgent(database: Database, { owner, params }: OwnerContext): Promise<Agent> {
  const agent = await findClaimedAgent(database, owner.id, params.handle ?? '');
  if (agent === null) throw new AppError('AGENT_NOT_FOUND');
  return agent;
}
