import {
  cancelExecution,
  EVENT_STREAM,
  getExecution,
  getExecutionLog,
  listExecutions,
  NDJSON,
  streamExecution,
  terminateExecution,
} from '../../../contract/endpoints-gateway';
import { AppError } from '../../../contract/errors';
import { executionLogQuerySchema, executionsQuerySchema, terminateSchema } from '../../../contract/gateway';
import { executionStreamQuerySchema } from '../../../contract/gateway-views';
import { presentExecution, presentExecutionSummary } from '../../../presenters/gateway';
import { findExecution, listExecutions as readExecutions, readEvents } from '../../../store/gateway/executions';
import { readToolEvents } from '../../../store/gateway/events';
import { loadPayment } from '../../../store/gateway/payments';
import type { GatewayExecution } from '../../../store/schema/collections/gateway';
import { nextLink, parseCursor } from '../../http/cursors';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import { eventStream } from '../../turns/event-stream';
import { findGatewayAgent, type FoundAgent } from '../../turns/find-agent';
import { knownEvent, resumeTurn } from '../../turns/resume-turn';
import { streamJson } from '../../turns/stream-json';
import { watchToRead } from '../../turns/waiting-caller';
import type { GatewayDeps } from './gateway-deps';

/** Turns as they are and were: gateway.md §9.1, §9.3, §12.1. */
export function executionRoutes(deps: GatewayDeps): Route[] {
  const one =
    (answer: (ctx: GatewayContext, found: FoundAgent, execution: GatewayExecution) => Promise<Reply>) =>
    async (ctx: GatewayContext): Promise<Reply> => {
      const { found, execution } = await requireExecution(ctx, deps);
      return answer(ctx, found, execution);
    };
  const terminate = one((ctx, _, execution) => cancel(ctx, execution, deps));
  return [
    gatewayRoute(listExecutions, (ctx) => list(ctx, deps)),
    gatewayRoute(
      getExecution,
      one(async (_, { agent }, execution) => {
        const now = await deps.turns.load(execution);
        const [tools, payment] = await Promise.all([
          readToolEvents(deps.database, now),
          now.paymentId === undefined ? null : loadPayment(deps.database, now.paymentId),
        ]);
        return { status: 200, body: presentExecution(agent, now, tools, payment) };
      }),
    ),
    gatewayRoute(
      getExecutionLog,
      one((ctx, _, execution) => readLog(ctx, execution, deps)),
    ),
    gatewayRoute(
      streamExecution,
      one((ctx, found, execution) => Promise.resolve(resume(ctx, found, execution, deps))),
    ),
    gatewayRoute(terminateExecution, terminate),
    gatewayRoute(cancelExecution, terminate),
  ];
}

const HOUR_MS = 3_600_000;
const HOURS_MAX = 90 * 24;

async function list(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const query = ctx.validate(executionsQuerySchema, Object.fromEntries(ctx.query));
  const { agent, seesAll } = await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');
  const after = query.cursor === undefined ? undefined : parseCursor(query.cursor);
  const hours = Number(query.hours);
  const rows = await readExecutions(deps.database, {
    agentId: agent._id,
    ...(seesAll ? {} : { principal: ctx.principal }),
    ...(query.status === undefined ? {} : { status: query.status === 'success' ? 'completed' : query.status }),
    ...(query.triggered_by === undefined ? {} : { channel: query.triggered_by }),
    ...(query.session_id === undefined ? {} : { sessionId: query.session_id }),
    ...(hours > 0 ? { since: new Date(ctx.now.getTime() - Math.min(hours, HOURS_MAX) * HOUR_MS) } : {}),
    ...(after === undefined ? {} : { after: { queuedAt: after.at, id: after.id } }),
    limit: query.limit + 1,
  });
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  const headers =
    rows.length > query.limit && last !== undefined
      ? nextLink(`/api/agents/${agent.handle}/executions`, ctx.query, { at: last.queuedAt, id: last._id })
      : {};
  return { status: 200, headers, json: JSON.stringify(page.map((row) => presentExecutionSummary(agent, row))) };
}

/** @throws AppError EXECUTION_NOT_FOUND the same for somebody else's and one that never was */
export async function requireExecution(ctx: GatewayContext, deps: GatewayDeps) {
  const found = await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');
  const scope = { agentId: found.agent._id, ...(found.seesAll ? {} : { principal: ctx.principal }) };
  const execution = await findExecution(deps.database, ctx.params.id ?? '', scope);
  if (execution === null) throw new AppError('EXECUTION_NOT_FOUND');
  return { found, execution };
}

async function readLog(ctx: GatewayContext, { _id: id }: GatewayExecution, { database }: GatewayDeps): Promise<Reply> {
  const { after, limit } = ctx.validate(executionLogQuerySchema, Object.fromEntries(ctx.query));
  const events = await readEvents(database, id, { after, limit });
  const rows = events.map(({ n, type, data, at }) => ({ n, type, data, at: at.toISOString() }));
  return { status: 200, body: { events: rows, next: rows.at(-1)?.n ?? after } };
}

/** Goes on behind the event that the caller knows; the caller's going changes nothing. */
function resume(ctx: GatewayContext, { agent }: FoundAgent, execution: GatewayExecution, deps: GatewayDeps): Reply {
  const query = ctx.validate(executionStreamQuerySchema, Object.fromEntries(ctx.query));
  const after = knownEvent(ctx.header('last-event-id'), query.after);
  const signal = ctx.whenGone();
  deps.limiter.holdStream(ctx.principal.key, signal);
  const resumed = resumeTurn(deps, { execution, after, signal });
  // The agent's owner may watch, too: then nobody has read anything.
  const records = execution.principal === ctx.principal.key ? watchToRead(resumed, ctx, deps.reads) : resumed;
  const isLines = query.format === 'ndjson';
  return {
    status: 200,
    headers: { 'X-Execution-Id': execution._id },
    stream: isLines
      ? { type: `${NDJSON}; charset=utf-8`, records: streamJson(agent, execution, records, true) }
      : { type: `${EVENT_STREAM}; charset=utf-8`, records: eventStream(agent.handle, records, true) },
  };
}

async function cancel(
  ctx: GatewayContext,
  { _id: id, principal }: GatewayExecution,
  { turns }: GatewayDeps,
): Promise<Reply> {
  ctx.validate(terminateSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
  return {
    status: 200,
    body: { status: await turns.cancel(id, principal === ctx.principal.key ? 'user' : 'owner'), execution_id: id },
  };
}
