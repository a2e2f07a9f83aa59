import type { Endpoint } from '../../contract/endpoint';
import { bodyCapOf, createBodyReader, refuseOversize } from '../http/body';
import type { ApiMiddleware } from '../http/state';

/** Refuses an oversize body by its length, and gives all that follows one reading of the body between them. */
export function guardBody(endpoint: Endpoint): ApiMiddleware {
  const cap = bodyCapOf(endpoint);
  return async (ctx, next) => {
    try {
      if (endpoint.streamsBody !== true) refuseOversize(ctx.req, cap);
    } catch (error) {
      // A cached caller must get its 401 before anything else that is wrong with the request.
      if (ctx.state.isCachedCaller) await ctx.state.loadAgent();
      throw error;
    }
    ctx.state.readBytes = createBodyReader(ctx.req, cap);
    await next();
  };
}
