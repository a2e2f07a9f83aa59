import {
  createTurnConversation,
  deleteTurnConversation,
  getTurnHistory,
  listTurnConversations,
  renameTurnConversation,
} from '../../../contract/endpoints-teammate';
import type { Endpoint } from '../../../contract/endpoint';
import { AppError } from '../../../contract/errors';
import {
  conversationsQuerySchema,
  createConversationSchema,
  renameConversationSchema,
  TALK_KINDS,
  turnHistoryQuerySchema,
} from '../../../contract/gateway';
import { presentChatMessage, presentConversation } from '../../../presenters/gateway';
import { oldestFirst, readMessagesOf, readSessionMessages } from '../../../store/gateway/session-messages';
import {
  createSession,
  deleteSession,
  findSession,
  listSessions,
  renameSession,
} from '../../../store/gateway/sessions';
import { countUnread } from '../../../store/gateway/unread';
import { nextLink, parseCursor } from '../../http/cursors';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findChatAgent, findGatewayAgent } from '../../turns/find-agent';
import type { GatewayDeps } from './gateway-deps';

type Handler = (ctx: GatewayContext, deps: GatewayDeps) => Promise<Reply>;

/** Conversations and their history as the teammate API shows them: gateway.md §5.3. */
export function conversationViewRoutes(deps: GatewayDeps): Route[] {
  const both = (endpoints: readonly Endpoint[], handle: Handler): Route[] =>
    endpoints.map((endpoint) => gatewayRoute(endpoint, (ctx) => handle(ctx, deps)));
  return [
    ...both(getTurnHistory, history),
    ...both(listTurnConversations, list),
    ...both(createTurnConversation, create),
    ...both(renameTurnConversation, rename),
    ...both(deleteTurnConversation, remove),
  ];
}

const agentOf = (ctx: GatewayContext, deps: GatewayDeps) =>
  findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');

/** @throws AppError SESSION_NOT_FOUND */
export async function requireOwnSession(ctx: GatewayContext, deps: GatewayDeps, agentId: string, id: string) {
  const session = await findSession(deps.database, id, { principal: ctx.principal, agentId });
  if (session === null) throw new AppError('SESSION_NOT_FOUND');
  return session;
}

/** One that is the caller's to change: a member's part of a team session is the team's. @throws AppError SESSION_NOT_FOUND */
async function requireChangeable(ctx: GatewayContext, deps: GatewayDeps, agentId: string) {
  const session = await requireOwnSession(ctx, deps, agentId, ctx.params.id ?? '');
  if (session.memberOf !== undefined) throw new AppError('SESSION_NOT_FOUND');
  return session;
}

/** What a user knows as conversations with an agent, as lists of sessions show them (gateway.md §4.3). */
const ownTalks = ({ principal }: GatewayContext, agentId: string) => ({ agentId, principal, kinds: TALK_KINDS });

/** Sessions whose messages one call looks through: the last active. */
const SESSIONS_MAX = 200;

/** The one that is named, else the last active ones of the caller with the agent. */
export async function chooseSessions(ctx: GatewayContext, deps: GatewayDeps, agentId: string, id: string | undefined) {
  if (id !== undefined && id !== '') return [await requireOwnSession(ctx, deps, agentId, id)];
  return listSessions(deps.database, { agentId, principal: ctx.principal, limit: SESSIONS_MAX });
}

async function history(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const query = ctx.validate(turnHistoryQuerySchema, Object.fromEntries(ctx.query));
  const { agent } = await agentOf(ctx, deps);
  const { conversation_id: id, limit, before } = query;
  const isOne = id !== undefined && id !== '';
  // Of all that the caller has with the agent, also what lists leave out: tasks, and its part of a team's talk.
  const session = isOne ? await requireOwnSession(ctx, deps, agent._id, id) : null;
  return ctx.answerPage(async () => {
    const { rows } =
      session === null
        ? oldestFirst(
            await readMessagesOf(deps.database, { agentId: agent._id, principal: ctx.principal }, { limit, before }),
          )
        : await readSessionMessages(deps.database, session, { limit, before });
    const messages = rows.map(({ session, message, execution }) => {
      const { id, role, content, timestamp } = presentChatMessage(agent, session, message, execution, { email: null });
      return { id, role, content, created_at: timestamp, conversation_id: session._id };
    });
    return JSON.stringify({ messages });
  });
}

async function list(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const query = ctx.validate(conversationsQuerySchema, Object.fromEntries(ctx.query));
  const { agent } = await agentOf(ctx, deps);
  const after = query.cursor === undefined ? undefined : parseCursor(query.cursor);
  const rows = await listSessions(deps.database, {
    ...ownTalks(ctx, agent._id),
    ...(after === undefined ? {} : { after: { activeAt: after.at, id: after.id } }),
    limit: query.limit + 1,
  });
  const sessions = rows.slice(0, query.limit);
  const unread = await countUnread(deps.database, sessions);
  const last = sessions.at(-1);
  const headers =
    rows.length > query.limit && last !== undefined
      ? nextLink(`/api/agents/${agent.handle}/conversations`, ctx.query, { at: last.activeAt, id: last._id })
      : {};
  const views = sessions.map((session) => presentConversation(session, unread.get(session._id) ?? 0));
  return { status: 200, headers, json: JSON.stringify(views) };
}

async function create(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { title } = ctx.validate(createConversationSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
  const { agent } = await findChatAgent(deps, ctx.principal, ctx.params.name ?? '');
  const session = await createSession(deps.database, ctx.principal, agent._id, ctx.now, title);
  return { status: 201, body: presentConversation(session, 0) };
}

async function rename(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { title } = ctx.validate(renameConversationSchema, await ctx.readBody());
  const { agent } = await agentOf(ctx, deps);
  const session = await requireChangeable(ctx, deps, agent._id);
  const renamed = await renameSession(deps.database, session._id, title);
  if (renamed === null) throw new AppError('SESSION_NOT_FOUND');
  const unread = await countUnread(deps.database, [renamed]);
  return { status: 200, body: presentConversation(renamed, unread.get(renamed._id) ?? 0) };
}

/** First it is gone, so that no turn can begin in it, then its open turns end. */
async function remove(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { agent } = await agentOf(ctx, deps);
  const session = await requireChangeable(ctx, deps, agent._id);
  if (!(await deleteSession(deps.database, session, ctx.now))) throw new AppError('SESSION_NOT_FOUND');
  await deps.turns.cancelOpen(session._id);
  return { status: 200, body: { status: 'deleted', id: session._id } };
}
