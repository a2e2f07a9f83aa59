import { isAppError } from '../../contract/errors';
import type { Logger } from '../../platform/logger';
import { discardRest } from '../http/body';
import { toAppError, writeError } from '../http/errors';
import type { ApiContext, ApiMiddleware } from '../http/state';

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

/** What logs and metrics show for a caller that went away before the end of its request; nobody receives it. */
const CLIENT_CLOSED_REQUEST = 499;

/** True when the request ended before its body did: the caller went away, which is not our failure. */
function isClientAbort(ctx: ApiContext, error: unknown): boolean {
  return ctx.req.readableAborted && !isAppError(error);
}
