import { chat, chatBare, chatStream, chatStreamBare, EVENT_STREAM, NDJSON } from '../../../contract/endpoints-gateway';
import { chatSchema } from '../../../contract/gateway';
import { AppError } from '../../../contract/errors';
import { presentAnswer } from '../../../presenters/gateway';
import { readToolEvents } from '../../../store/gateway/events';
import { loadSession } from '../../../store/gateway/sessions';
import type { Agent } from '../../../store/schema/collections/agents';
import type { PresenceService } from '../../realtime/presence/presence';
import { hasWebhooks } from '../../../store/gateway/webhook-reach';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { beginTurn, type Said } from '../../turns/begin-turn';
import { givenFiles } from '../../turns/given-files';
import { nameTurn } from '../../turns/name-turn';
import { receiptOf } from '../../turns/receipt-of';
import { eventStream } from '../../turns/event-stream';
import { findChatAgent } from '../../turns/find-agent';
import { streamJson } from '../../turns/stream-json';
import { awaitAnswer, watchWhileWaiting, type WaitingCaller } from '../../turns/waiting-caller';
import type { GatewayDeps } from './gateway-deps';

type Deps = GatewayDeps & { presence: PresenceService };

/** Users talk to agents: gateway.md §3, §4.1, §5.1, §5.2. */
export function chatRoutes(deps: Deps): Route[] {
  return [
    gatewayRoute(chat, (ctx) => say(ctx, deps, (body) => representationOf(ctx, body))),
    gatewayRoute(chatBare, (ctx) => say(ctx, deps, () => 'json')),
    gatewayRoute(chatStream, (ctx) => say(ctx, deps, () => 'events')),
    gatewayRoute(chatStreamBare, (ctx) => say(ctx, deps, () => 'events')),
  ];
}

type Representation = 'json' | 'stream-json' | 'events';

/** Both originals claim `POST /api/agents/{x}/chat`: the first row of gateway.md §3 that fits decides. */
function representationOf(ctx: GatewayContext, { stream }: Said['body']): Representation {
  const accept = ctx.header('accept').toLowerCase();
  const names = (type: string): boolean => accept.includes(type);
  if (stream === false || (names('application/json') && !names(NDJSON) && !names(EVENT_STREAM))) return 'json';
  if (stream === true || names(NDJSON)) return 'stream-json';
  if (names(EVENT_STREAM)) return 'events';
  return ctx.principal.kind === 'key' ? 'json' : 'stream-json';
}

async function say(ctx: GatewayContext, deps: Deps, choose: (body: Said['body']) => Representation): Promise<Reply> {
  const { files, ...body } = ctx.validate(chatSchema, await ctx.readBody());
  const found = await findChatAgent(deps, ctx.principal, ctx.params.name ?? '');
  if (body.fail_fast === true) await refuseOffline(deps, found.agent);
  const representation = choose(body);
  if (representation !== 'json') deps.limiter.holdStream(ctx.principal.key, ctx.whenGone());
  const { principal, now } = ctx;
  const caller = { principal, now, receipt: await receiptOf(ctx, principal.key) };
  const said = { body, files: givenFiles(files), wantsStream: representation !== 'json' };
  const begun = await beginTurn(deps, caller, found, said);
  ctx.forgetBody();
  const { execution } = begun;
  nameTurn(ctx, begun);
  const waiting: Waiting = {
    ctx,
    execution,
    agent: found.agent,
    waitMs: body.timeout_seconds * 1_000,
    cancelsWhenGone: body.cancel_on_disconnect === true,
    body,
  };
  if (representation === 'json') return answer(deps, waiting);
  return { status: 200, stream: representation === 'events' ? events(deps, waiting) : lines(deps, waiting) };
}

/**
 * gateway.md §10.2: a caller that would rather not wait for an agent to come back. Webhooks reach one without a socket.
 * @throws AppError AGENT_UNAVAILABLE
 */
async function refuseOffline({ database, presence }: Deps, { _id: id }: Agent): Promise<void> {
  const isOnline = ((await presence.read([id])).get(id)?.status ?? 'offline') !== 'offline';
  if (!isOnline && !(await hasWebhooks(database, id))) throw new AppError('AGENT_UNAVAILABLE', { reason: 'offline' });
}

type Waiting = WaitingCaller & { agent: Agent; body: Said['body'] };

async function answer(deps: GatewayDeps, waiting: Waiting): Promise<Reply> {
  const execution = await awaitAnswer(deps.turns, waiting);
  const session = await loadSession(deps.database, execution.sessionId);
  const tools = await readToolEvents(deps.database, execution);
  const files = await deps.filesOf(execution);
  waiting.ctx.onSent(() => deps.reads.answered(execution));
  return { status: 200, body: presentAnswer(waiting.agent, execution, session, tools, files) };
}

const lines = (deps: GatewayDeps, waiting: Waiting) => ({
  type: `${NDJSON}; charset=utf-8`,
  records: streamJson(
    waiting.agent,
    waiting.execution,
    watchWhileWaiting(deps, waiting),
    waiting.body.include_partial_messages !== false,
  ),
});

const events = (deps: GatewayDeps, waiting: Waiting) => ({
  type: `${EVENT_STREAM}; charset=utf-8`,
  records: eventStream(waiting.agent.handle, watchWhileWaiting(deps, waiting), waiting.body.events === 'all'),
});
