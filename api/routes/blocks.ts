import { blockAgent, unblockAgent } from '../../contract/endpoints-social';
import { AppError } from '../../contract/errors';
import type { AgentReader } from '../../store/agents';
import type { Database } from '../../store/database';
import { removeBlock, setBlock } from '../../store/transactions/relations';
import { agentRoute, type AgentContext, type Reply, type Route } from '../route';
import { findAccount, nothingToClean, refuseSelf, resolveTarget } from '../targets';

export interface BlockDeps {
  database: Database;
  agents: AgentReader;
}

const OK: Reply = { status: 200, body: { ok: true } };

/** Blocks: social.md §3. */
export function blockRoutes(deps: BlockDeps): Route[] {
  return [agentRoute(blockAgent, (ctx) => block(ctx, deps)), agentRoute(unblockAgent, (ctx) => unblock(ctx, deps))];
}

async function block(ctx: AgentContext, { database, agents }: BlockDeps): Promise<Reply> {
  const target = await resolveTarget(agents, ctx.params.handle ?? '');
  refuseSelf(ctx.agent, target, 'You cannot block yourself');
  if (target.isSystem) throw new AppError('SYSTEM_AGENT_PROTECTED');
  await setBlock(database, { from: ctx.agent._id, to: target._id, at: ctx.now });
  return OK;
}

async function unblock(ctx: AgentContext, { database, agents }: BlockDeps): Promise<Reply> {
  const target = await findAccount(agents, ctx.params.handle ?? '');
  const wasBlocked = target !== null && (await removeBlock(database, { from: ctx.agent._id, to: target._id }));
  if (!wasBlocked) throw nothingToClean(target);
  return OK;
}
