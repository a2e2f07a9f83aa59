import {
  enforcedQuerySchema,
  enforcementActionSchema,
  holdSchema,
  operatorPageSchema,
} from '../../../contract/enforcement';
import {
  evaluateAgent,
  getEnforcement,
  holdAgent,
  listEnforced as listEnforcedEndpoint,
  listReports as listReportsEndpoint,
  reinstateAgent,
  restrictAgent,
  suspendAgent,
} from '../../../contract/endpoints-enforcement';
import { AppError } from '../../../contract/errors';
import type { AgentReader } from '../../../store/agents/agents';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import { listReports } from '../../../store/enforcement/enforcement';
import { listEnforced, viewEnforcement } from '../../../store/enforcement/enforcement-view';
import type { OperatorAction } from '../../../store/enforcement/operate-enforcement';
import type { Enforcement } from '../../commands/enforce-agent';
import { operatorOf } from '../../http/operator';
import { presentEnforcement } from '../../../presenters/enforcement';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import { findAccount } from '../../http/targets';

export interface EnforcementRouteDeps {
  database: Database;
  agents: AgentReader;
  enforcement: Pick<Enforcement, 'operate' | 'evaluate'>;
}

/** Operators act on an agent's state: social.md §6 G10, G11. */
export function enforcementRoutes(deps: EnforcementRouteDeps): Route[] {
  return [
    publicRoute(getEnforcement, (ctx) => show(ctx, deps)),
    publicRoute(listEnforcedEndpoint, (ctx) => list(ctx, deps)),
    publicRoute(listReportsEndpoint, (ctx) => reports(ctx, deps)),
    publicRoute(suspendAgent, (ctx) => operate(ctx, deps, () => ({ kind: 'suspend' }))),
    publicRoute(restrictAgent, (ctx) => operate(ctx, deps, () => ({ kind: 'restrict' }))),
    publicRoute(reinstateAgent, (ctx) => operate(ctx, deps, () => ({ kind: 'reinstate' }))),
    publicRoute(holdAgent, (ctx) =>
      operate(ctx, deps, (body) => ({ kind: 'hold', isSticky: ctx.validate(holdSchema, body).sticky })),
    ),
    publicRoute(evaluateAgent, (ctx) => evaluate(ctx, deps)),
  ];
}

async function show(ctx: RequestContext, deps: EnforcementRouteDeps): Promise<Reply> {
  const agent = await accountOf(ctx, deps);
  const page = ctx.validate(operatorPageSchema, Object.fromEntries(ctx.query));
  const view = await viewEnforcement(deps.database, agent._id, { now: ctx.now, page });
  if (view === null) throw new AppError('AGENT_NOT_FOUND');
  return { status: 200, body: presentEnforcement(agent, view) };
}

async function list(ctx: RequestContext, { database }: EnforcementRouteDeps): Promise<Reply> {
  const { status, ...page } = ctx.validate(enforcedQuerySchema, Object.fromEntries(ctx.query));
  const { agents, total } = await listEnforced(database, status, page);
  const rows = agents.map((agent) => ({
    agent_id: agent._id,
    handle: agent.handle,
    status: agent.status,
    source: agent.statusSource ?? 'community',
    updated_at: agent.updatedAt.toISOString(),
  }));
  return { status: 200, body: { agents: rows, total, ...page } };
}

async function reports(ctx: RequestContext, deps: EnforcementRouteDeps): Promise<Reply> {
  const agent = await accountOf(ctx, deps);
  const page = ctx.validate(operatorPageSchema, Object.fromEntries(ctx.query));
  const rows = await listReports(deps.database, agent._id, page);
  const cards = await deps.agents.loadCards(rows.map(({ reporterId }) => reporterId));
  const shown = rows.map((row) => ({
    id: row._id,
    reporter: cards.get(row.reporterId)?.handle ?? 'unknown',
    reason: row.reason,
    counts: row.counts,
    created_at: row.createdAt.toISOString(),
  }));
  return { status: 200, body: { reports: shown, ...page } };
}

async function operate(
  ctx: RequestContext,
  deps: EnforcementRouteDeps,
  actionOf: (body: Record<string, unknown>) => OperatorAction,
): Promise<Reply> {
  const body = (await ctx.readText()) === '' ? {} : await ctx.readBody();
  const { note } = ctx.validate(enforcementActionSchema, body);
  const action = actionOf(body);
  const agent = await accountOf(ctx, deps);
  await deps.enforcement.operate(
    { agentId: agent._id, action, operator: operatorOf(ctx), note, now: ctx.now },
    agent.handle,
  );
  return show(ctx, deps);
}

async function evaluate(ctx: RequestContext, deps: EnforcementRouteDeps): Promise<Reply> {
  const agent = await accountOf(ctx, deps);
  await deps.enforcement.evaluate({ id: agent._id, handle: agent.handle }, 'operator');
  return show(ctx, deps);
}

/** Whatever its state: operators see every account. */
async function accountOf(ctx: RequestContext, { agents }: EnforcementRouteDeps): Promise<Agent> {
  const agent = await findAccount(agents, ctx.params.handle ?? '');
  if (agent === null) throw new AppError('AGENT_NOT_FOUND');
  return agent;
}
