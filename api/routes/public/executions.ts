import { EVENT_STREAM } from '../../../contract/endpoints-gateway';
import {
  getPublicExecution,
  streamPublicExecution,
  terminatePublicExecution,
} from '../../../contract/endpoints-public';
import { AppError } from '../../../contract/errors';
import { publicStreamQuerySchema, publicTerminateSchema, visitorQuerySchema } from '../../../contract/public-chat';
import { findExecution } from '../../../store/gateway/executions';
import { visitorPrincipal } from '../../../store/gateway/principals';
import { loadSession } from '../../../store/gateway/sessions';
import type { GatewayExecution } from '../../../store/schema/collections/gateway';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import { eventStream } from '../../turns/event-stream';
import { knownEvent, resumeTurn } from '../../turns/resume-turn';
import { watchToRead } from '../../turns/waiting-caller';
import type { GatewayDeps } from '../gateway/gateway-deps';
import { requireLinkFor, type Credentials, type KnownVisitor, type OpenLink } from './visitors';

/** Turns of a visitor as they are and were: gateway.md §6.2, §9.3, §12.1. */
export function publicExecutionRoutes(deps: GatewayDeps): Route[] {
  return [
    publicRoute(getPublicExecution, async (ctx) => {
      const query = ctx.validate(visitorQuerySchema, Object.fromEntries(ctx.query));
      const { execution } = await requireExecution(ctx, deps, query);
      const { _id, status, response, error } = await deps.turns.load(execution);
      const body = { execution_id: _id, status, response, error: error?.message ?? null };
      return { status: 200, headers: { 'Cache-Control': 'no-store' }, body };
    }),
    publicRoute(streamPublicExecution, (ctx) => stream(ctx, deps)),
    publicRoute(terminatePublicExecution, async (ctx) => {
      const query = ctx.validate(visitorQuerySchema, Object.fromEntries(ctx.query));
      const body = ctx.validate(publicTerminateSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
      const credentials = {
        session_id: body.session_id ?? query.session_id,
        session_token: body.session_token ?? query.session_token,
      };
      const { _id: id } = (await requireExecution(ctx, deps, credentials)).execution;
      return { status: 200, body: { status: await deps.turns.cancel(id, 'user'), execution_id: id } };
    }),
  ];
}

/** @throws AppError LINK_NOT_FOUND, EXECUTION_NOT_FOUND the same for another visitor's and one that never was */
async function requireExecution(
  ctx: RequestContext,
  deps: GatewayDeps,
  credentials: Credentials,
): Promise<OpenLink & { visitor: KnownVisitor; execution: GatewayExecution }> {
  const { visitor, ...open } = await requireLinkFor(deps, ctx.params.token ?? '', credentials, ctx.now);
  const execution =
    visitor === null
      ? null
      : await findExecution(deps.database, ctx.params.execution_id ?? '', {
          agentId: open.agent._id,
          principal: visitorPrincipal(visitor.visit),
        });
  if (visitor === null || execution === null) throw new AppError('EXECUTION_NOT_FOUND');
  return { ...open, visitor, execution };
}

/** Goes on behind the event that the visitor knows; its going changes nothing. */
async function stream(ctx: RequestContext, deps: GatewayDeps): Promise<Reply> {
  const query = ctx.validate(publicStreamQuerySchema, Object.fromEntries(ctx.query));
  const { agent, visitor, execution } = await requireExecution(ctx, deps, query);
  const session = await loadSession(deps.database, execution.sessionId);
  const after = knownEvent(ctx.header('last-event-id'), query.after);
  const records = watchToRead(resumeTurn(deps, { execution, after, signal: ctx.whenGone() }), ctx, deps.reads);
  return {
    status: 200,
    headers: { 'X-Execution-Id': execution._id },
    stream: {
      type: `${EVENT_STREAM}; charset=utf-8`,
      records: eventStream(agent.handle, records, true, visitor.nameOf(session)),
    },
  };
}
