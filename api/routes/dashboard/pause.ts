import { getRelease, pauseAgent, unpauseAgent } from '../../../contract/endpoints-pause';
import { AppError } from '../../../contract/errors';
import { pauseSchema } from '../../../contract/pause';
import type { PauseMode } from '../../../domain/guards';
import type { AgentReader } from '../../../store/agents/agents';
import type { Database } from '../../../store/schema/database';
import { lookAtRelease } from '../../../store/webhooks/releases';
import type { Commands } from '../../commands/commands';
import {
  ownerRoute,
  publicRoute,
  type OwnerContext,
  type Reply,
  type RequestContext,
  type Route,
} from '../../http/route';
import { findAccount } from '../../http/targets';
import { ownAgent } from './agents';

export interface PauseDeps {
  database: Database;
  agents: AgentReader;
  commands: Commands;
}

/** Pause and unpause for owners, and what operators see of a release: dashboard.md §8. */
export function pauseRoutes(deps: PauseDeps): Route[] {
  return [
    ownerRoute(pauseAgent, async (ctx) => {
      const { mode } = ctx.validate(pauseSchema, await ctx.readBody());
      return set(ctx, mode, deps);
    }),
    ownerRoute(unpauseAgent, (ctx) => set(ctx, 'none', deps)),
    publicRoute(getRelease, (ctx) => show(ctx, deps)),
  ];
}

async function set(ctx: OwnerContext, mode: PauseMode, { database, commands }: PauseDeps): Promise<Reply> {
  const { _id: id, handle } = await ownAgent(database, ctx);
  await commands.pauseAgent({ id, handle }, mode, ctx.owner);
  return { status: 200, body: { handle, paused_by_owner: mode } };
}

async function show({ params }: RequestContext, { database, agents }: PauseDeps): Promise<Reply> {
  const agent = await findAccount(agents, params.handle ?? '');
  if (agent === null) throw new AppError('AGENT_NOT_FOUND');
  const { stage, remaining, openSockets, socketsBehind, parked } = await lookAtRelease(database, agent._id);
  return {
    status: 200,
    body: {
      handle: agent.handle,
      paused_by_owner: agent.pausedByOwner,
      pause_epoch: agent.pauseEpoch ?? 0,
      pause_changed_at: agent.pauseChangedAt?.toISOString() ?? null,
      state: stage === 'releasing' ? 'releasing' : 'idle',
      remaining,
      open_sockets: openSockets,
      sockets_behind: socketsBehind,
      webhook_remaining: parked,
    },
  };
}
