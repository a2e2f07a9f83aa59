import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { parseObject, readText, refuseOversize } from '../body';
import type { Reply, RequestContext } from '../route';
import type { ApiContext, ApiMiddleware } from '../state';
import { validate } from '../validate';

/** Last of the pipeline: body-size guard, then the handler; its reply becomes the response. */
export function callEndpoint(deps: { clock: Clock; log: Logger }): ApiMiddleware {
  return async (ctx) => {
    const { route, agent } = ctx.state;
    if (route === null) throw new Error('no route was found');
    refuseOversize(ctx.req, route.endpoint.bodyCode ?? 'PAYLOAD_TOO_LARGE');
    writeReply(ctx, await route.handle(contextOf(ctx, deps), agent));
  };
}

function contextOf(ctx: ApiContext, deps: { clock: Clock; log: Logger }): RequestContext {
  const code = ctx.state.route?.endpoint.bodyCode ?? 'PAYLOAD_TOO_LARGE';
  let text: Promise<string> | null = null;
  const readOnce = () => (text ??= readText(ctx.req, code));
  return {
    params: ctx.state.params,
    query: new URLSearchParams(ctx.querystring),
    requestId: ctx.state.requestId,
    clientIp: ctx.state.clientIp,
    now: deps.clock.now(),
    log: deps.log,
    header: (name) => ctx.get(name),
    readText: readOnce,
    readBody: async () => parseObject(await readOnce()),
    validate,
  };
}

function writeReply(ctx: ApiContext, reply: Reply): void {
  for (const [name, value] of Object.entries(reply.headers ?? {})) ctx.set(name, value);
  ctx.status = reply.status;
  if (reply.text !== undefined) {
    ctx.type = reply.text.type;
    ctx.body = reply.text.content;
    return;
  }
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = reply.json ?? JSON.stringify(reply.body ?? {});
}
