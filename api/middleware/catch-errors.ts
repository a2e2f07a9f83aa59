import { AppError, isAppError, toEnvelope } from '../../contract/errors';
import { discardRest } from '../body';
import type { Logger } from '../../platform/logger';
import { isOutage } from '../../store/outage';
import type { ApiContext, ApiMiddleware } from '../state';

/** How long callers are asked to wait when the database is out of reach. */
const OUTAGE_RETRY_MS = 2_000;

/** `error` as the wire's error: refusals as they are, outages as 503, everything else as a 500 without internals. */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (isOutage(error)) return new AppError('SERVICE_UNAVAILABLE', undefined, OUTAGE_RETRY_MS);
  return new AppError('INTERNAL_ERROR');
}

/** What logs and metrics show for a caller that went away before the end of its request; nobody receives it. */
const CLIENT_CLOSED_REQUEST = 499;

/** True when the request ended before its body did: the caller went away, which is not our failure. */
function isClientAbort(ctx: ApiContext, error: unknown): boolean {
  return ctx.req.readableAborted && !isAppError(error);
}

/** Writes the flat envelope with `Retry-After` where waiting helps (conventions.md §5, §6). */
export function writeError(ctx: Pick<ApiContext, 'set' | 'status' | 'body' | 'type'>, error: AppError): void {
  if (error.retryAfterMs !== undefined || error.status === 503) {
    ctx.set('Retry-After', String(Math.max(1, Math.ceil((error.retryAfterMs ?? OUTAGE_RETRY_MS) / 1000))));
  }
  if (error.status === 401) ctx.set('WWW-Authenticate', 'Bearer');
  // The rest of an oversize body is not read: the connection cannot be used again.
  if (error.status === 413) ctx.set('Connection', 'close');
  ctx.status = error.status;
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = JSON.stringify(toEnvelope(error));
}

/** The outermost catch: nothing below it reaches Koa's own plain-text errors. */
export function catchErrors(log: Logger): ApiMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (isClientAbort(ctx, error)) {
        log.debug({ event: 'request.aborted', requestId: ctx.state.requestId });
        ctx.status = CLIENT_CLOSED_REQUEST;
        return;
      }
      const known = toAppError(error);
      if (known.status >= 500 && !isAppError(error)) {
        log.error({ event: 'request.failed', requestId: ctx.state.requestId, err: error });
      }
      if (known.status === 413) await discardRest(ctx.req);
      writeError(ctx, known);
    }
  };
}
