import {
  closeSession as closeEndpoint,
  getPersistentHistory,
  getPlainHistory,
  getSession,
  listSessions as listEndpoint,
  resetHistory,
} from '../../../contract/endpoints-gateway';
import { AppError } from '../../../contract/errors';
import { sessionQuerySchema, sessionsQuerySchema, TALK_KINDS } from '../../../contract/gateway';
import { persistentHistoryQuerySchema } from '../../../contract/gateway-views';
import { agentNameOf, presentChatMessage, presentSession } from '../../../presenters/gateway';
import { readMessagesOf, readSessionMessages } from '../../../store/gateway/session-messages';
import {
  closeSession,
  countSessions,
  emailsOf,
  findCurrentSession,
  listSessions,
  loadSession,
} from '../../../store/gateway/sessions';
import { countUnread } from '../../../store/gateway/unread';
import type { GatewaySession, SessionKind } from '../../../store/schema/collections/gateway';
import { cursorOf, parseCursor } from '../../http/cursors';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findGatewayAgent, type FoundAgent } from '../../turns/find-agent';
import type { GatewayDeps } from './gateway-deps';

/** Sessions and what was said in them: gateway.md §4.3. */
export function sessionRoutes(deps: GatewayDeps): Route[] {
  return [
    gatewayRoute(listEndpoint, (ctx) => list(ctx, deps)),
    gatewayRoute(getSession, (ctx) => show(ctx, deps)),
    gatewayRoute(closeEndpoint, (ctx) => close(ctx, deps)),
    gatewayRoute(getPlainHistory, (ctx) => showCurrent(ctx, deps)),
    gatewayRoute(getPersistentHistory, (ctx) => showAll(ctx, deps)),
    gatewayRoute(resetHistory, (ctx) => reset(ctx, deps)),
  ];
}

const agentOf = (ctx: GatewayContext, deps: GatewayDeps): Promise<FoundAgent> =>
  findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');

async function list(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const query = ctx.validate(sessionsQuerySchema, Object.fromEntries(ctx.query));
  const { agent, seesAll } = await agentOf(ctx, deps);
  const after = query.cursor === undefined ? undefined : parseCursor(query.cursor);
  const page = {
    agentId: agent._id,
    ...scopeOf(ctx, seesAll),
    ...(query.kind === undefined ? {} : { kinds: kindsOf(query.kind, seesAll) }),
    ...(query.status === undefined ? {} : { status: query.status }),
    ...(after === undefined ? {} : { after: { activeAt: after.at, id: after.id } }),
    limit: query.limit + 1,
  };
  const [rows, count] = await Promise.all([listSessions(deps.database, page), countSessions(deps.database, page)]);
  const sessions = rows.slice(0, query.limit);
  const last = sessions.at(-1);
  const [emails, unread] = await Promise.all([emailsOf(deps.database, sessions), countUnread(deps.database, sessions)]);
  return {
    status: 200,
    body: {
      agent_name: agentNameOf(agent),
      session_count: count,
      sessions: sessions.map((session) =>
        presentSession(agent, session, { email: emails.get(session._id) ?? null }, unread.get(session._id) ?? 0),
      ),
      next_cursor:
        rows.length > query.limit && last !== undefined ? cursorOf({ at: last.activeAt, id: last._id }) : null,
    },
  };
}

/** The agent's owner sees the sessions of all kinds and users, everybody else its own talks (gateway.md §4.3). */
const scopeOf = ({ principal }: GatewayContext, seesAll: boolean) => (seesAll ? {} : { principal, kinds: TALK_KINDS });

/** What is asked for, as far as it is shown: of a kind that is not shown there is none. */
const kindsOf = (kind: SessionKind, seesAll: boolean): SessionKind[] =>
  seesAll || TALK_KINDS.some((shown) => shown === kind) ? [kind] : [];

/** @throws AppError SESSION_NOT_FOUND the same for somebody else's and one that never was */
async function requireSession(ctx: GatewayContext, deps: GatewayDeps, { agent, seesAll }: FoundAgent) {
  const session = await loadSession(deps.database, ctx.params.id ?? '');
  const isVisible = session.agentId === agent._id && (seesAll || session.principal === ctx.principal.key);
  if (!isVisible) throw new AppError('SESSION_NOT_FOUND');
  return session;
}

async function show(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { limit, before } = ctx.validate(sessionQuerySchema, Object.fromEntries(ctx.query));
  const found = await agentOf(ctx, deps);
  const session = await requireSession(ctx, deps, found);
  const email = (await emailsOf(deps.database, [session])).get(session._id) ?? null;
  const unread = await countUnread(deps.database, [session]);
  return ctx.answerPage(async () => {
    const { rows, hasMore } = await readSessionMessages(deps.database, session, { limit, before });
    return JSON.stringify({
      session: presentSession(found.agent, session, { email }, unread.get(session._id) ?? 0),
      message_count: session.messageCount,
      messages: rows.map(({ message, execution }) =>
        presentChatMessage(found.agent, session, message, execution, { email }),
      ),
      has_more: hasMore,
    });
  });
}

async function showAll(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const {
    limit,
    before,
    user_filter: isFiltered,
  } = ctx.validate(persistentHistoryQuerySchema, Object.fromEntries(ctx.query));
  const { agent, seesAll } = await agentOf(ctx, deps);
  // An owner who asks for its own sees those of all kinds, as in its lists.
  const own = seesAll && isFiltered ? { principal: ctx.principal } : scopeOf(ctx, seesAll);
  return ctx.answerPage(async () => {
    const page = { limit, before };
    const { rows, hasMore } = await readMessagesOf(deps.database, { agentId: agent._id, ...own }, page);
    const sessions = new Map(rows.map(({ session }) => [session._id, session]));
    const emails = await emailsOf(deps.database, [...sessions.values()]);
    const messages = rows.map(({ session, message, execution }) =>
      presentChatMessage(agent, session, message, execution, { email: emails.get(session._id) ?? null }),
    );
    return JSON.stringify({
      agent_name: agentNameOf(agent),
      message_count: messages.length,
      messages,
      has_more: hasMore,
    });
  });
}

async function close(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const session = await requireSession(ctx, deps, await agentOf(ctx, deps));
  // A member's part of a team session is the team's.
  if (session.memberOf !== undefined) throw new AppError('SESSION_NOT_FOUND');
  await closeWithTurns(ctx, deps, session);
  return { status: 200, body: { status: 'closed', session_id: session._id } };
}

/** First no more turns, then an end to those that are open: none can come in between. */
async function closeWithTurns({ now }: GatewayContext, deps: GatewayDeps, { _id: id }: GatewaySession): Promise<void> {
  await closeSession(deps.database, id, now);
  await deps.turns.cancelOpen(id);
}

async function showCurrent(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { limit, before } = ctx.validate(sessionQuerySchema, Object.fromEntries(ctx.query));
  const { agent } = await agentOf(ctx, deps);
  const session = await findCurrentSession(deps.database, ctx.principal, agent._id);
  if (session === null) return { status: 200, json: '[]' };
  return ctx.answerPage(async () => {
    const { rows } = await readSessionMessages(deps.database, session, { limit, before });
    const messages = rows.map(({ message, execution }) => {
      const { role, content, timestamp } = presentChatMessage(agent, session, message, execution, { email: null });
      return { role, content, timestamp };
    });
    return JSON.stringify(messages);
  });
}

async function reset(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { agent } = await agentOf(ctx, deps);
  const session = await findCurrentSession(deps.database, ctx.principal, agent._id);
  if (session !== null) await closeWithTurns(ctx, deps, session);
  return {
    status: 200,
    body: {
      status: 'reset',
      message: session === null ? 'There was no session' : 'The next message starts a new session',
      closed_session_id: session?._id ?? null,
    },
  };
}
