import { blockAgent, reportAgent as reportAgentEndpoint, unblockAgent } from '../../../contract/endpoints-social';
import { AppError } from '../../../contract/errors';
import { reportSchema } from '../../../contract/social';
import type { AgentReader } from '../../../store/agents/agents';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import { removeBlock, setBlock, type Relation } from '../../../store/contacts/relations';
import { reportAgent } from '../../../store/contacts/reports';
import type { Enforcement } from '../../commands/enforce-agent';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { findAccount, nothingToClean, refuseSelf, resolveVisible } from '../../http/targets';

export interface BlockDeps {
  database: Database;
  agents: AgentReader;
  enforcement: Pick<Enforcement, 'announce'>;
}

const OK: Reply = { status: 200, body: { ok: true } };

/** Blocks and reports: social.md §3, §4. */
export function blockRoutes(deps: BlockDeps): Route[] {
  return [
    agentRoute(blockAgent, (ctx) => block(ctx, deps)),
    agentRoute(unblockAgent, (ctx) => unblock(ctx, deps)),
    agentRoute(reportAgentEndpoint, (ctx) => report(ctx, deps)),
  ];
}

async function block(ctx: AgentContext, deps: BlockDeps): Promise<Reply> {
  const target = await resolveOther(ctx, deps, 'You cannot block yourself');
  const change = await setBlock(deps.database, relationOf(ctx, target));
  deps.enforcement.announce(change.request, target.handle);
  return OK;
}

async function report(ctx: AgentContext, deps: BlockDeps): Promise<Reply> {
  const { reason } = ctx.validate(reportSchema, await readReport(ctx));
  const target = await resolveOther(ctx, deps, 'You cannot report yourself');
  const change = await reportAgent(deps.database, { ...relationOf(ctx, target), reason });
  deps.enforcement.announce(change.request, target.handle);
  return OK;
}

/** A body that is absent or no JSON object is a report without a reason. */
async function readReport(ctx: AgentContext): Promise<Record<string, unknown>> {
  return ctx.readBody().catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'VALIDATION_ERROR') return {};
    throw error;
  });
}

/** Unknown, then oneself, then protected. */
async function resolveOther(ctx: AgentContext, { agents }: BlockDeps, self: string): Promise<Agent> {
  const target = await resolveVisible(agents, ctx.agent, ctx.params.handle ?? '');
  refuseSelf(ctx.agent, target, self);
  if (target.isSystem) throw new AppError('SYSTEM_AGENT_PROTECTED');
  return target;
}

async function unblock(ctx: AgentContext, { database, agents, enforcement }: BlockDeps): Promise<Reply> {
  const target = await findAccount(agents, ctx.params.handle ?? '');
  if (target === null) throw nothingToClean(ctx.agent, target);
  const change = await removeBlock(database, relationOf(ctx, target));
  if (!change.isNew) throw nothingToClean(ctx.agent, target);
  enforcement.announce(change.request, target.handle);
  return OK;
}

const relationOf = ({ agent, now }: AgentContext, target: Agent): Relation => ({
  from: agent._id,
  to: target._id,
  at: now,
  caller: agent,
});
