import { getGatewayInbox, markTurnsRead } from '../../../contract/endpoints-teammate';
import { AppError } from '../../../contract/errors';
import { gatewayInboxQuerySchema, markReadSchema } from '../../../contract/gateway';
import { agentNameOf, presentChatMessage } from '../../../presenters/gateway';
import { findParts } from '../../../store/gateway/read-back';
import { placeOfMessage } from '../../../store/gateway/session-messages';
import { countUnread, findUnread } from '../../../store/gateway/unread';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewaySession } from '../../../store/schema/collections/gateway';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { findGatewayAgent } from '../../turns/find-agent';
import { chooseSessions, requireOwnSession } from './conversations';
import type { GatewayDeps } from './gateway-deps';

/** What users have not read yet: gateway.md §5.3. */
export function inboxRoutes(deps: GatewayDeps): Route[] {
  return [
    ...getGatewayInbox.map((endpoint) => gatewayRoute(endpoint, (ctx) => show(ctx, deps))),
    ...markTurnsRead.map((endpoint) => gatewayRoute(endpoint, (ctx) => mark(ctx, deps))),
  ];
}

const agentOf = async (ctx: GatewayContext, deps: GatewayDeps): Promise<Agent> =>
  (await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '')).agent;

async function totalUnread(deps: GatewayDeps, sessions: GatewaySession[]): Promise<number> {
  const counts = await countUnread(deps.database, sessions);
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

async function show(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const query = ctx.validate(gatewayInboxQuerySchema, Object.fromEntries(ctx.query));
  const agent = await agentOf(ctx, deps);
  const sessions = await chooseSessions(ctx, deps, agent._id, query.conversation_id);
  const { before, limit } = query;
  const end = before === undefined || before === '' ? null : await placeOfMessage(deps.database, sessions, before);
  return ctx.answerPage(async () => {
    const rows = await findUnread(deps.database, sessions, {
      limit,
      ...(end === null ? {} : { before: end.message.createdAt }),
    });
    const messages = rows.map(({ session, message, execution }) => {
      const shown = presentChatMessage(agent, session, message, execution, { email: null });
      return {
        id: shown.id,
        conversation_id: session._id,
        role: 'assistant',
        content: shown.content,
        created_at: shown.timestamp,
        agent_id: agent._id,
        agent_name: agentNameOf(agent),
        execution_id: shown.execution_id,
        late: shown.late,
      };
    });
    return JSON.stringify({ messages, unread_count: await totalUnread(deps, sessions) });
  });
}

async function mark(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(markReadSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
  const agent = await agentOf(ctx, deps);
  const sessions = await chooseSessions(ctx, deps, agent._id, undefined);
  const before = await totalUnread(deps, sessions);
  if (body.message_ids !== undefined) {
    for (const id of body.message_ids) await markOne(deps, sessions, id);
  } else if (body.up_to !== undefined || body.conversation_id !== undefined) {
    await markUpTo(ctx, deps, agent._id, body);
  } else {
    // Of what came before the call; anything newer stays unread.
    for (const session of sessions) {
      if (session.conversationId !== null) await deps.reads.markThrough(session, Number.MAX_SAFE_INTEGER);
    }
  }
  const unread = await totalUnread(deps, sessions);
  return { status: 200, body: { marked: Math.max(0, before - unread), unread_count: unread } };
}

/** Ids that are none of the caller's are ignored. */
async function markOne({ database, reads }: GatewayDeps, sessions: GatewaySession[], id: string): Promise<void> {
  const place = await placeOfMessage(database, sessions, id).catch((error: unknown) => {
    if (error instanceof AppError) return null;
    throw error;
  });
  if (place === null) return;
  const parts = await findParts(database, place.message);
  await reads.markMessages(
    place.session,
    parts.map(({ _id }) => _id),
  );
}

async function markUpTo(
  ctx: GatewayContext,
  deps: GatewayDeps,
  agentId: string,
  { conversation_id: id, up_to: upTo }: { conversation_id?: string | undefined; up_to?: string | undefined },
): Promise<void> {
  const sessions = await chooseSessions(ctx, deps, agentId, id);
  if (upTo === undefined) {
    const session = await requireOwnSession(ctx, deps, agentId, id ?? '');
    if (session.conversationId !== null) await deps.reads.markThrough(session, Number.MAX_SAFE_INTEGER);
    return;
  }
  const { session, message } = await placeOfMessage(deps.database, sessions, upTo);
  await deps.reads.markThrough(session, message.seq);
}
