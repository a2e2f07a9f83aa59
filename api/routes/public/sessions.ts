import { clearPublicSession, getPublicHistory, getPublicLinkState } from '../../../contract/endpoints-public';
import { PUBLIC_HISTORY_MAX } from '../../../contract/limits';
import { visitorQuerySchema } from '../../../contract/public-chat';
import { refuseChat } from '../../../domain/gateway-access';
import { presentChatMessage } from '../../../presenters/gateway';
import { presentLinkState } from '../../../presenters/public-chat';
import { readSessionMessages } from '../../../store/gateway/session-messages';
import { leaveVisit } from '../../../store/gateway/visits';
import type { Agent } from '../../../store/schema/collections/agents';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import type { GatewayDeps } from '../gateway/gateway-deps';
import { findOpenLink, findVisitorSession, newVisitor, requireLinkFor } from './visitors';

/** What visitors see of a link and of their session with its agent: gateway.md §6.2. */
export function publicSessionRoutes(deps: GatewayDeps): Route[] {
  return [
    publicRoute(getPublicLinkState, (ctx) => showLink(ctx, deps)),
    publicRoute(getPublicHistory, (ctx) => showHistory(ctx, deps)),
    publicRoute(clearPublicSession, (ctx) => clear(ctx, deps)),
  ];
}

const NO_STORE = { 'Cache-Control': 'no-store' };

async function showLink({ params, now }: RequestContext, deps: GatewayDeps): Promise<Reply> {
  const open = await findOpenLink(deps, params.token ?? '', now);
  const state = open === null ? null : { ...open, isAvailable: isAvailable(open.agent) };
  return { status: 200, headers: NO_STORE, body: presentLinkState(state) };
}

const isAvailable = ({ status, isSystem, pausedByOwner, settings: { inboxMode } }: Agent): boolean =>
  refuseChat({ status, isSystem, pausedByOwner, inboxMode, isGuest: false, isOwned: true }) === null;

async function showHistory(ctx: RequestContext, deps: GatewayDeps): Promise<Reply> {
  const credentials = ctx.validate(visitorQuerySchema, Object.fromEntries(ctx.query));
  const open = await requireLinkFor(deps, ctx.params.token ?? '', credentials, ctx.now);
  const session = open.visitor === null ? null : await findVisitorSession(deps, open.visitor, open);
  if (open.visitor === null || session === null) {
    return { status: 200, headers: NO_STORE, body: { messages: [], session_id: null, message_count: 0 } };
  }
  ctx.setHeaders(NO_STORE);
  const sessionId = open.visitor.nameOf(session);
  return ctx.answerPage(async () => {
    const { rows } = await readSessionMessages(deps.database, session, { limit: PUBLIC_HISTORY_MAX });
    const messages = rows.map(({ message, execution }) => {
      const shown = presentChatMessage(open.agent, session, message, execution, { email: null });
      return { role: shown.role, content: shown.content, timestamp: shown.timestamp };
    });
    return JSON.stringify({ messages, session_id: sessionId, message_count: session.messageCount });
  });
}

/** First the session takes no more, then its open turns end: none can come in between. */
async function clear(ctx: RequestContext, deps: GatewayDeps): Promise<Reply> {
  const credentials = ctx.validate(visitorQuerySchema, Object.fromEntries(ctx.query));
  const { link, visitor } = await requireLinkFor(deps, ctx.params.token ?? '', credentials, ctx.now);
  const next = newVisitor(link._id, ctx.now);
  const endedId = await leaveVisit(deps.database, visitor?.visit ?? null, next.visit, ctx.now);
  if (endedId !== null) await deps.turns.cancelOpen(endedId);
  return { status: 200, headers: NO_STORE, body: { cleared: true, new_session_id: next.sessionId } };
}
