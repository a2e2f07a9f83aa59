import {
  addTeamAgent,
  createTeam,
  deleteTeam,
  getTeam,
  listTeams,
  removeTeamAgent,
  updateTeam,
} from '../../../contract/endpoints-teams';
import type { Endpoint } from '../../../contract/endpoint';
import { AppError } from '../../../contract/errors';
import { ID_PREFIX } from '../../../contract/ids';
import { TEAM_ROUNDS_MAX } from '../../../contract/limits';
import { addTeamAgentSchema, createTeamSchema, updateTeamSchema } from '../../../contract/teams';
import { newGatewayId } from '../../../platform/ids';
import { presentTeam } from '../../../presenters/teams';
import {
  addMember,
  agentsOfTeams,
  deleteTeam as removeTeam,
  insertTeam,
  listTeams as readTeams,
  removeMember,
  updateTeam as changeTeam,
  type TeamChange,
} from '../../../store/gateway/teams';
import type { GatewayTeam } from '../../../store/schema/collections/gateway-teams';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findAccount } from '../../http/targets';
import { findMember } from '../../turns/find-agent';
import { findTeam, requireManager } from '../../turns/find-team';
import type { GatewayDeps } from './gateway-deps';

type Handler = (ctx: GatewayContext, deps: GatewayDeps) => Promise<Reply>;

/** Teams of agents as their owners make and change them: gateway.md §5.4. */
export function teamRoutes(deps: GatewayDeps): Route[] {
  const both = (endpoints: readonly Endpoint[], handle: Handler): Route[] =>
    endpoints.map((endpoint) =>
      gatewayRoute(endpoint, (ctx) => {
        requireManager(ctx.principal);
        return handle(ctx, deps);
      }),
    );
  return [
    ...both(listTeams, list),
    ...both(createTeam, create),
    ...both(getTeam, async (ctx) => shown(deps, await teamOf(ctx, deps))),
    ...both(updateTeam, update),
    ...both(deleteTeam, remove),
    ...both(addTeamAgent, add),
    ...both(removeTeamAgent, leave),
  ];
}

const teamOf = (ctx: GatewayContext, { database }: GatewayDeps): Promise<GatewayTeam> =>
  findTeam(database, ctx.principal, ctx.params.id ?? '');

async function shown({ database }: GatewayDeps, team: GatewayTeam, status = 200): Promise<Reply> {
  return { status, body: presentTeam(team, await agentsOfTeams(database, [team])) };
}

async function list(ctx: GatewayContext, { database }: GatewayDeps): Promise<Reply> {
  const teams = await readTeams(database, ctx.owner.id);
  const agents = await agentsOfTeams(database, teams);
  return { status: 200, json: JSON.stringify(teams.map((team) => presentTeam(team, agents))) };
}

/** The ids of agents that the caller may chat with now, each once. @throws AppError as gateway.md §1.2 says */
async function memberIds(ctx: GatewayContext, deps: GatewayDeps, names: string[]): Promise<string[]> {
  const ids = new Set<string>();
  for (const name of names) ids.add((await findMember(deps, ctx.principal, name)).agent._id);
  return [...ids];
}

const idOf = async (ctx: GatewayContext, deps: GatewayDeps, name: string): Promise<string> =>
  (await findMember(deps, ctx.principal, name)).agent._id;

async function create(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(createTeamSchema, await ctx.readBody());
  const ids = await memberIds(ctx, deps, body.agent_ids ?? []);
  const { summarizer_agent_id: summarizer } = body;
  const team: GatewayTeam = {
    _id: newGatewayId('team'),
    ownerId: ctx.owner.id,
    name: body.name,
    description: body.description ?? null,
    chatMode: body.chat_mode ?? 'brainstorm',
    members: ids.map((agentId) => ({ agentId, role: null })),
    summarizerId: summarizer === undefined ? null : await idOf(ctx, deps, summarizer),
    maxRounds: body.max_rounds ?? TEAM_ROUNDS_MAX,
    createdAt: ctx.now,
    updatedAt: ctx.now,
  };
  await insertTeam(deps.database, team);
  return shown(deps, team, 201);
}

async function update(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(updateTeamSchema, await ctx.readBody());
  const team = await teamOf(ctx, deps);
  const { summarizer_agent_id: summarizer, agent_ids: names } = body;
  const change: TeamChange = {
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.description === undefined ? {} : { description: body.description }),
    ...(body.chat_mode === undefined ? {} : { chatMode: body.chat_mode }),
    ...(body.max_rounds === undefined ? {} : { maxRounds: body.max_rounds }),
    ...(names === undefined ? {} : { members: await membersOf(ctx, deps, team, names) }),
    ...(summarizer === undefined
      ? {}
      : { summarizerId: summarizer === null ? null : await idOf(ctx, deps, summarizer) }),
  };
  return shown(deps, await changeTeam(deps.database, team, change, ctx.now));
}

/** Who was a member before keeps its role. */
async function membersOf(ctx: GatewayContext, deps: GatewayDeps, team: GatewayTeam, names: string[]) {
  const roles = new Map(team.members.map(({ agentId, role }) => [agentId, role]));
  return (await memberIds(ctx, deps, names)).map((agentId) => ({ agentId, role: roles.get(agentId) ?? null }));
}

/** First it is gone, so that no turn can begin with it, then its open turns end. */
async function remove(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const team = await teamOf(ctx, deps);
  const open = await removeTeam(deps.database, team, ctx.now);
  if (open === false) throw new AppError('TEAM_NOT_FOUND');
  // The last first: none of them begins because one before it ended.
  for (const id of open) await deps.turns.cancel(id, 'user');
  return { status: 200, body: { status: 'deleted', id: team._id } };
}

async function add(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(addTeamAgentSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
  const team = await teamOf(ctx, deps);
  const agentId = await idOf(ctx, deps, ctx.params.name ?? '');
  return shown(deps, await addMember(deps.database, team, { agentId, role: body.role ?? null }, ctx.now));
}

/** Also of one that is gone, or that nobody may chat with any more. */
async function leave(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const team = await teamOf(ctx, deps);
  const name = ctx.params.name ?? '';
  const id = name.startsWith(ID_PREFIX.agent) ? name : (await findAccount(deps.agents, name))?._id;
  return shown(deps, await removeMember(deps.database, team, id ?? '', ctx.now));
}
