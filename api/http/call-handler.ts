import { AppError } from '../../contract/errors';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { bodyCapOf, faultOfShape, parseObject, streamBody, tooIntricate } from './body';
import { isDashboardPath } from './dashboard-path';
import { toAppError } from './errors';
import type { ReadPage } from './pages';
import type { RateLimiter } from './rate-limiter';
import type { Reply, RequestContext, Route } from './route';
import type { ApiContext, ApiMiddleware } from './state';
import { writeStream } from './stream-reply';
import { validate } from './validate';

export interface CallDeps {
  clock: Clock;
  log: Logger;
  limiter: RateLimiter;
  readPage: ReadPage;
}

/** Behind all gates: the handler; its reply becomes the response. */
export function callHandler(route: Route, deps: CallDeps): ApiMiddleware {
  return async (ctx) => {
    const context = contextOf(ctx, route, deps);
    const startedMs = performance.now();
    try {
      writeReply(
        ctx,
        (await callForCached(ctx, route, context)) ?? (await route.handle(context, ctx.state.agent, ctx.state.owner)),
      );
    } finally {
      ctx.state.workMs = performance.now() - startedMs;
    }
  };
}

/**
 * The reply for a cached caller, if the write proved who it is. Else null, and the caller is loaded: an old key must get
 * its 401 before anything else that is wrong with the request. Faults of the server are answered at once: calling again
 * could only repeat an effect.
 */
async function callForCached(ctx: ApiContext, route: Route, context: RequestContext): Promise<Reply | null> {
  if (!ctx.state.isCachedCaller) return null;
  const reply = await route.handle(context, ctx.state.agent, null).catch((error: unknown) => {
    if (toAppError(error).status >= 500) throw error;
    return null;
  });
  if (reply?.isProven === true) return reply;
  ctx.state.agent = await ctx.state.loadAgent();
  context.isCachedCaller = false;
  return null;
}

function contextOf(ctx: ApiContext, { endpoint }: Route, deps: CallDeps): RequestContext {
  let text: Promise<string> | null = null;
  let body: Promise<Record<string, unknown>> | null = null;
  let gone: AbortSignal | null = null;
  const readText = () => (text ??= ctx.state.readBytes().then((bytes) => bytes.toString('utf8')));
  const parseBody = async (): Promise<Record<string, unknown>> => {
    if (isDashboardPath(ctx.state.path)) refuseOtherThanJson(ctx);
    const read = await readText();
    const fault = faultOfShape(read);
    if (fault !== null) throw tooIntricate(fault, bodyCapOf(endpoint));
    return parseObject(read);
  };
  return {
    params: ctx.state.params,
    query: new URLSearchParams(ctx.querystring),
    requestId: ctx.state.requestId,
    method: ctx.method,
    path: ctx.state.path,
    isCachedCaller: ctx.state.isCachedCaller,
    clientIp: ctx.state.clientIp,
    now: deps.clock.now(),
    principal: ctx.state.principal ?? null,
    onSent: (work) => void ctx.res.once('finish', work),
    whenGone: () => (gone ??= whenGone(ctx)),
    log: deps.log,
    setHeaders: (headers) => ctx.set(headers),
    header: (name) => ctx.get(name),
    cookie: (name) => ctx.cookies.get(name) || null,
    readBytes: ctx.state.readBytes,
    streamBody: () => streamBody(ctx.req),
    readText,
    readBody: () => (body ??= parseBody()),
    forgetBody: () => {
      ctx.state.forgetBody();
      text = body = null;
    },
    validate,
    answerPage: async (read) => {
      const callerId = ctx.state.agent?._id ?? ctx.state.owner?.id ?? '';
      return { status: 200, page: await deps.readPage(callerId, read) };
    },
    countCall: async (scope) => {
      if (ctx.state.agent !== null) await deps.limiter.countAgent(scope, ctx.state.agent._id);
    },
  };
}

/** Why nobody waits any more: the caller has its answer, whatever that was. */
export const ANSWERED = 'answered';

function whenGone(ctx: ApiContext): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(ctx.res.writableFinished ? ANSWERED : undefined);
  // One that has gone before anybody asked says nothing any more.
  if (ctx.res.closed) abort();
  else ctx.res.once('close', abort);
  return controller.signal;
}

/** Pages of other sites can send forms and plain texts with cookies, but no JSON (dashboard.md §3.2). */
function refuseOtherThanJson(ctx: ApiContext): void {
  if (/^application\/json\s*(;|$)/i.test(ctx.get('content-type'))) return;
  throw new AppError('VALIDATION_ERROR', undefined, undefined, 'The Content-Type must be application/json');
}

function writeReply(ctx: ApiContext, reply: Reply): void {
  if (reply.cookies !== undefined) ctx.set('Set-Cookie', reply.cookies);
  for (const [name, value] of Object.entries(reply.headers ?? {})) ctx.set(name, value);
  ctx.status = reply.status;
  if (reply.page !== undefined) return reply.page.writeTo(ctx);
  if (reply.text !== undefined) {
    ctx.type = reply.text.type;
    ctx.body = reply.text.content;
    return;
  }
  if (reply.stream !== undefined) {
    return writeStream(ctx, reply.stream);
  }
  if (reply.file !== undefined) {
    // As declared: Koa would add a charset.
    ctx.set('Content-Type', reply.file.type);
    ctx.length = reply.file.bytes;
    ctx.body = reply.file.content;
    return;
  }
  if (reply.isEmpty === true) {
    ctx.body = '';
    ctx.remove('Content-Type');
    return;
  }
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = reply.json ?? JSON.stringify(reply.body ?? {});
}
