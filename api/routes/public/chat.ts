import { EVENT_STREAM } from '../../../contract/endpoints-gateway';
import { sayPublic } from '../../../contract/endpoints-public';
import { AppError, isAppError } from '../../../contract/errors';
import { PUBLIC_MESSAGE_BYTES_MAX, TURN_LIFE_SECONDS } from '../../../contract/limits';
import { publicChatSchema, type PublicChatBody } from '../../../contract/public-chat';
import { refuseChat } from '../../../domain/gateway-access';
import { hashAddress } from '../../../platform/link-tokens';
import { agentNameOf } from '../../../presenters/gateway';
import { visitorPrincipal } from '../../../store/gateway/principals';
import { loadSession } from '../../../store/gateway/sessions';
import { startOnce, type NewReceipt } from '../../../store/gateway/receipts';
import { isBlocked, sessionOfVisit } from '../../../store/gateway/visits';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewayExecution, GatewaySession } from '../../../store/schema/collections/gateway';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import { refuseOversize } from '../../turns/begin-turn';
import { nameTurn } from '../../turns/name-turn';
import { receiptOf } from '../../turns/receipt-of';
import { eventStream } from '../../turns/event-stream';
import { awaitAnswer, watchWhileWaiting, type WaitingCaller } from '../../turns/waiting-caller';
import type { GatewayDeps } from '../gateway/gateway-deps';
import { beginVisit, requireLinkToSay, type KnownVisitor, type OpenLink } from './visitors';

/** Visitors talk to the agent of a share link: gateway.md §6.2. */
export function publicChatRoutes(deps: GatewayDeps): Route[] {
  return [publicRoute(sayPublic, (ctx) => say(ctx, deps))];
}

async function say(ctx: RequestContext, deps: GatewayDeps): Promise<Reply> {
  const body = ctx.validate(publicChatSchema, await ctx.readBody());
  refuseOversize(body.message, PUBLIC_MESSAGE_BYTES_MAX);
  const { visitor: known, ...open } = await requireLinkToSay(deps, ctx.params.token ?? '', body, ctx);
  refuseAgent(open.agent, body);
  const visitor = await enter(ctx, deps, open, known);
  const receipt = await receiptOf(ctx, visitorPrincipal(visitor.visit).key);
  const { execution, isReplay } = await startOnce(deps.database, receipt, ctx.now, async (given) => {
    const session = await sessionOfVisit(deps.database, open.link, visitor.visit, ctx.now);
    if (await isBlocked(deps.database, session)) throw new AppError('BLOCKED');
    return start(ctx, deps, { open, session, body, receipt: given });
  });
  const sessionId = visitor.nameOf({ _id: execution.sessionId });
  // Also of a refusal that comes later: the turn goes on, and its visitor finds it by its id.
  nameTurn(ctx, { execution: { ...execution, sessionId }, isReplay });
  if (body.async_mode === true) return accepted(open.agent, execution, sessionId);
  const waiting: WaitingCaller = {
    ctx,
    execution,
    agent: open.agent,
    waitMs: body.timeout_seconds * 1_000,
    cancelsWhenGone: false,
  };
  if (body.stream !== true) return answer(deps, waiting, { token: ctx.params.token ?? '', sessionId });
  const records = eventStream(open.agent.handle, watchWhileWaiting(deps, waiting), false, sessionId);
  return { status: 200, stream: { type: `${EVENT_STREAM}; charset=utf-8`, records } };
}

/** gateway.md §1.2: the link is the owner's consent, whatever the agent's `inbox_mode`; only who waits needs it now. */
function refuseAgent(
  { status, isSystem, pausedByOwner, settings }: Agent,
  { async_mode: isAsync }: PublicChatBody,
): void {
  const refusal = refuseChat({
    status,
    isSystem,
    isGuest: false,
    pausedByOwner: isAsync === true ? 'none' : pausedByOwner,
    inboxMode: settings.inboxMode,
    isOwned: true,
  });
  if (refusal !== null) throw new AppError(refusal.code, refusal.details);
}

/** Who speaks: a visitor that the link knows, else a new one. @throws AppError UNAUTHORIZED, RATE_LIMITED */
async function enter(
  ctx: RequestContext,
  deps: GatewayDeps,
  { link }: OpenLink,
  known: KnownVisitor | null,
): Promise<KnownVisitor> {
  if (known === null && link.requireEmail) {
    const details = { reason: 'email_required' };
    throw new AppError('UNAUTHORIZED', details, undefined, 'Prove your mail address first');
  }
  const visitor = known ?? (await beginVisit(deps, link, ctx));
  await deps.limiter.countPublic('session_messages', visitor.visit.visitorId);
  return visitor;
}

function start(
  { now, clientIp }: RequestContext,
  { turns, config }: GatewayDeps,
  {
    open,
    session,
    body,
    receipt,
  }: { open: OpenLink; session: GatewaySession; body: PublicChatBody; receipt: NewReceipt | null },
): Promise<GatewayExecution> {
  const linkId = open.link._id;
  const waitMs = body.async_mode === true ? 0 : body.timeout_seconds * 1_000;
  return turns.start({
    session,
    channel: 'public',
    contactOf: null,
    link: { linkId, addressHash: hashAddress(config.SECRET_KEYS, linkId, clientIp) },
    message: body.message,
    wantsStream: body.stream === true && body.async_mode !== true,
    hints: {},
    receipt,
    waitUntil: new Date(now.getTime() + waitMs),
    deadlineAt: new Date(now.getTime() + TURN_LIFE_SECONDS * 1_000),
    now,
  });
}

const accepted = (agent: Agent, { _id: id }: GatewayExecution, sessionId: string): Reply => ({
  status: 202,
  body: {
    status: 'accepted',
    execution_id: id,
    agent_name: agentNameOf(agent),
    session_id: sessionId,
    async_mode: true,
  },
});

async function answer(
  deps: GatewayDeps,
  waiting: WaitingCaller,
  { token, sessionId }: { token: string; sessionId: string },
): Promise<Reply> {
  const execution = await awaitAnswer(deps.turns, waiting).catch((error: unknown) => {
    throw forVisitor(error, token, sessionId);
  });
  const session = await loadSession(deps.database, execution.sessionId);
  waiting.ctx.onSent(() => deps.reads.answered(execution));
  return {
    status: 200,
    body: {
      response: execution.response ?? '',
      session_id: sessionId,
      execution_id: execution._id,
      status: 'completed',
      message_count: session.messageCount,
      usage: null,
    },
  };
}

/** A visitor polls where it can, and is told its own name of the session. */
function forVisitor(error: unknown, token: string, sessionId: string): unknown {
  if (!isAppError(error) || error.details?.['poll'] === undefined) return error;
  const poll = `/api/public/executions/${token}/${String(error.details['execution_id'])}/status`;
  return new AppError(error.code, { ...error.details, session_id: sessionId, poll });
}
