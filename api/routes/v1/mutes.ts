import {
  createMute,
  deleteAgentMute,
  deleteConversationMute,
  getAgentMute,
  getConversationMute,
  listMutes as listMutesEndpoint,
} from '../../../contract/endpoints-mutes';
import { AppError } from '../../../contract/errors';
import { mutesQuerySchema, muteTargetSchema, parseInstant } from '../../../contract/mutes';
import { isVisible } from '../../../domain/guards';
import type { AgentReader } from '../../../store/agents/agents';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Mute } from '../../../store/schema/collections/relations';
import type { Database } from '../../../store/schema/database';
import { findMute, listMutes } from '../../../store/contacts/mutes';
import { findParticipation } from '../../../store/conversations/participation';
import { clearMute, setMute } from '../../../store/contacts/set-mute';
import { presentMute } from '../../../presenters/mute';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { findAccount, nothingToClean, resolveVisible } from '../../http/targets';

export interface MuteDeps {
  database: Database;
  agents: AgentReader;
}

const OK: Reply = { status: 200, body: { ok: true } };

/** Mutes: social.md §8. */
export function muteRoutes(deps: MuteDeps): Route[] {
  return [
    agentRoute(createMute, (ctx) => create(ctx, deps)),
    agentRoute(listMutesEndpoint, (ctx) => list(ctx, deps)),
    agentRoute(getAgentMute, (ctx) => getOfAgent(ctx, deps)),
    agentRoute(getConversationMute, (ctx) => getOfConversation(ctx, deps)),
    agentRoute(deleteAgentMute, (ctx) => deleteOfAgent(ctx, deps)),
    agentRoute(deleteConversationMute, (ctx) => deleteOfConversation(ctx, deps)),
  ];
}

/** Order of checks after the shape: handle, value of `muted_until`, self, existence, participation. */
async function create(ctx: AgentContext, deps: MuteDeps): Promise<Reply> {
  const body = ctx.validate(muteTargetSchema, await ctx.readBody());
  const byHandle =
    body.target_kind === 'agent' && body.target_handle !== undefined
      ? await resolveVisible(deps.agents, ctx.agent, body.target_handle)
      : null;
  const mutedUntil = untilOf(body.muted_until ?? null, ctx.now);
  const targetId = byHandle?._id ?? body.target_id ?? '';
  if (targetId === ctx.agent._id) throw new AppError('SELF_MUTE');
  const agent = byHandle ?? (body.target_kind === 'agent' ? await resolveId(deps.agents, targetId) : null);
  if (agent === null) await requireParticipant(deps.database, ctx.agent, targetId);
  const mute = await setMute(deps.database, {
    muterId: ctx.agent._id,
    kind: body.target_kind,
    targetId,
    mutedUntil,
    at: ctx.now,
    caller: ctx.agent,
  });
  return { status: 201, body: presentMute(mute, agent?.handle ?? null) };
}

function untilOf(text: string | null, now: Date): Date | null {
  if (text === null) return null;
  const until = parseInstant(text);
  if (until !== null && until.getTime() > now.getTime()) return until;
  throw new AppError('VALIDATION_ERROR', undefined, undefined, 'muted_until must be an ISO 8601 time in the future');
}

async function resolveId(agents: AgentReader, id: string): Promise<Agent> {
  const agent = await agents.findById(id);
  if (agent === null || !isVisible(agent.status)) throw new AppError('AGENT_NOT_FOUND');
  return agent;
}

async function requireParticipant(database: Database, agent: Agent, conversationId: string): Promise<void> {
  const participation = await findParticipation(database, agent._id, conversationId);
  if (participation === null) throw new AppError('CONVERSATION_NOT_FOUND');
  if (participation.state !== 'active') throw new AppError('NOT_PARTICIPANT');
}

async function list(ctx: AgentContext, { database, agents }: MuteDeps): Promise<Reply> {
  const { kind } = ctx.validate(mutesQuerySchema, Object.fromEntries(ctx.query));
  const rows = await listMutes(database, ctx.agent._id, { kind, now: ctx.now });
  const cards = await agents.loadCards(rows.filter((row) => row.kind === 'agent').map(({ targetId }) => targetId));
  return { status: 200, body: { mutes: rows.map((row) => presentMute(row, cards.get(row.targetId)?.handle ?? null)) } };
}

async function getOfAgent(ctx: AgentContext, deps: MuteDeps): Promise<Reply> {
  const target = await findAccount(deps.agents, ctx.params.handle ?? '');
  const mute = target === null ? null : await findOwn(ctx, deps, target._id);
  if (target === null || mute === null) throw nothingToClean(ctx.agent, target);
  return { status: 200, body: presentMute(mute, target.handle) };
}

async function getOfConversation(ctx: AgentContext, deps: MuteDeps): Promise<Reply> {
  const mute = await findOwn(ctx, deps, ctx.params.id ?? '');
  if (mute?.kind !== 'conversation') throw new AppError('NOT_FOUND');
  return { status: 200, body: presentMute(mute, null) };
}

const findOwn = (ctx: AgentContext, { database }: MuteDeps, targetId: string): Promise<Mute | null> =>
  findMute(database, ctx.agent._id, targetId, ctx.now);

async function deleteOfAgent(ctx: AgentContext, deps: MuteDeps): Promise<Reply> {
  const target = await findAccount(deps.agents, ctx.params.handle ?? '');
  if (target === null || !(await clearOwn(ctx, deps, target._id))) throw nothingToClean(ctx.agent, target);
  return OK;
}

async function deleteOfConversation(ctx: AgentContext, deps: MuteDeps): Promise<Reply> {
  const id = ctx.params.id ?? '';
  const isConversation = (await findOwn(ctx, deps, id))?.kind === 'conversation';
  if (!isConversation || !(await clearOwn(ctx, deps, id))) throw new AppError('NOT_FOUND');
  return OK;
}

/** Looks first: an agent without this mute need not write what every send to it writes. */
async function clearOwn(ctx: AgentContext, deps: MuteDeps, targetId: string): Promise<boolean> {
  if ((await findOwn(ctx, deps, targetId)) === null) return false;
  return clearMute(deps.database, { muterId: ctx.agent._id, targetId, at: ctx.now, caller: ctx.agent });
}
