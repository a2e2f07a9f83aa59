import { chat, chatBare, chatStream, chatStreamBare, EVENT_STREAM, NDJSON } from '../../../contract/endpoints-gateway';
import { AppError } from '../../../contract/errors';
import { chatSchema, type ChatBody } from '../../../contract/gateway';
import { hasEnded } from '../../../domain/turns';
import { presentAnswer } from '../../../presenters/gateway';
import { readToolEvents } from '../../../store/gateway/turn-events';
import { loadSession } from '../../../store/gateway/sessions';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewayExecution } from '../../../store/schema/collections/gateway';
import { ANSWERED } from '../../http/call-handler';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { beginTurn } from '../../turns/begin-turn';
import { eventStream } from '../../turns/event-stream';
import { findChatAgent } from '../../turns/find-agent';
import { refusalOf } from '../../turns/outcome';
import { startPatience } from '../../turns/patience';
import { streamJson } from '../../turns/stream-json';
import { watchTurn, type TurnRecord } from '../../turns/watch-turn';
import type { GatewayDeps } from './gateway-deps';

/** Users talk to agents: gateway.md §3, §4.1, §5.1, §5.2. */
export function chatRoutes(deps: GatewayDeps): Route[] {
  return [
    gatewayRoute(chat, (ctx) => say(ctx, deps, (body) => representationOf(ctx, body))),
    gatewayRoute(chatBare, (ctx) => say(ctx, deps, () => 'json')),
    gatewayRoute(chatStream, (ctx) => say(ctx, deps, () => 'events')),
    gatewayRoute(chatStreamBare, (ctx) => say(ctx, deps, () => 'events')),
  ];
}

type Representation = 'json' | 'stream-json' | 'events';

/** Both originals claim `POST /api/agents/{x}/chat`: the first row of gateway.md §3 that fits decides. */
function representationOf(ctx: GatewayContext, { stream }: ChatBody): Representation {
  const accept = ctx.header('accept').toLowerCase();
  const names = (type: string): boolean => accept.includes(type);
  if (stream === false || (names('application/json') && !names(NDJSON) && !names(EVENT_STREAM))) return 'json';
  if (stream === true || names(NDJSON)) return 'stream-json';
  if (names(EVENT_STREAM)) return 'events';
  return ctx.principal.kind === 'key' ? 'json' : 'stream-json';
}

async function say(ctx: GatewayContext, deps: GatewayDeps, choose: (body: ChatBody) => Representation): Promise<Reply> {
  const body = ctx.validate(chatSchema, await ctx.readBody());
  const found = await findChatAgent(deps, ctx.principal, ctx.params.name ?? '');
  const representation = choose(body);
  const execution = await beginTurn(deps, ctx, found, body, representation !== 'json');
  // Also of a refusal that comes later: the turn goes on, and its caller finds it by its id.
  ctx.setHeaders({
    'X-Execution-Id': execution._id,
    'X-Session-Id': execution.sessionId,
    'Cache-Control': 'no-store',
  });
  const waiting = { ctx, deps, agent: found.agent, execution, body };
  if (representation === 'json') return answer(waiting);
  return {
    status: 200,
    headers: { 'X-Accel-Buffering': 'no' },
    stream: representation === 'events' ? events(waiting) : lines(waiting),
  };
}

interface Waiting {
  ctx: GatewayContext;
  deps: GatewayDeps;
  agent: Agent;
  execution: GatewayExecution;
  body: ChatBody;
}

async function answer(waiting: Waiting): Promise<Reply> {
  const { ctx, deps, agent, body } = waiting;
  const patience = startPatience(ctx.whenGone(), body.timeout_seconds * 1_000);
  const execution = await deps.turns.awaitEnd(waiting.execution, patience.signal).finally(patience.end);
  if (!hasEnded(execution.status)) {
    if (deps.turns.isClosing()) throw new AppError('SERVICE_UNAVAILABLE');
    await letGo(waiting);
  }
  const refusal = refusalOf(agent.handle, execution);
  if (refusal !== null) throw refusal;
  const session = await loadSession(deps.database, execution.sessionId);
  ctx.onSent(() => deps.reads.answered(execution));
  return {
    status: 200,
    body: presentAnswer(agent, execution, session, await readToolEvents(deps.database, execution)),
  };
}

const lines = (waiting: Waiting) => ({
  type: `${NDJSON}; charset=utf-8`,
  records: streamJson(
    waiting.agent,
    waiting.execution,
    records(waiting),
    waiting.body.include_partial_messages !== false,
  ),
});

const events = (waiting: Waiting) => ({
  type: `${EVENT_STREAM}; charset=utf-8`,
  records: eventStream(waiting.agent.handle, records(waiting), waiting.body.events === 'all'),
});

/** The records of the turn as long as the caller waits for them. */
async function* records(waiting: Waiting): AsyncGenerator<TurnRecord> {
  const { ctx, deps, execution, body } = waiting;
  const { signal, end } = startPatience(ctx.whenGone(), body.timeout_seconds * 1_000);
  let isOver = false;
  try {
    for await (const record of watchTurn(deps.turns, { execution, after: 0, signal })) {
      if (record.kind === 'end' && record.execution.status === 'completed') {
        ctx.onSent(() => deps.reads.answered(record.execution));
      }
      isOver = record.kind === 'closing' || (record.kind === 'end' && hasEnded(record.execution.status));
      yield record;
    }
  } finally {
    end();
    if (!isOver) await letGo(waiting);
  }
}

/** The caller waits no longer: the turn goes on unless it was asked to end with it (gateway.md §4.1). */
async function letGo({ ctx, deps, execution, body }: Waiting): Promise<void> {
  // Whom a fault has answered is not gone.
  const { aborted, reason } = ctx.whenGone();
  if (aborted && reason !== ANSWERED && body.cancel_on_disconnect === true)
    await deps.turns.cancel(execution._id, 'user');
  else await deps.turns.detach(execution._id);
}
