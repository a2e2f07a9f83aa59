import type { Endpoint } from '../../contract/endpoint';
import type { ApiMiddleware } from '../http/state';

/**
 * Reads the body of a call that may change something, and looks the caller up once more when the body came in after the
 * first look-up: a sender may take its time, and by then its key may have been replaced (identity.md §12). Stands before
 * `idempotency`, so that an old key gets no stored answer either, and reads also what its endpoint has no use for. The
 * rest of the time until the write is short, and commits prove the key again (`store/schema/prove-caller.ts`).
 *
 * A cached caller needs nothing here: its write proves it, and whatever else becomes of the call waits for a look-up
 * behind the body (`callHandler`). Null: the endpoint changes nothing.
 */
export function recheckCaller({ method }: Endpoint): ApiMiddleware | null {
  if (method === 'GET') return null;
  return async (ctx, next) => {
    // With its headers, as nearly every body: that was before the look-up ended.
    if (ctx.req.complete || ctx.state.isCachedCaller) return next();
    await ctx.state.readBytes();
    ctx.state.agent = await ctx.state.loadAgent();
    await next();
  };
}
