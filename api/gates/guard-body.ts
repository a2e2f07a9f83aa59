import type { Endpoint } from '../../contract/endpoint';
import { JSON_BODY_BYTES_MAX } from '../../contract/limits';
import { bodyCapOf, createBodyReader, refuseOversize } from '../http/body';
import { LargeBodies } from '../http/large-bodies';
import type { ApiMiddleware } from '../http/state';

/** Of this process, as its memory is. */
const largeBodies = new LargeBodies();

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
    const body = createBodyReader(ctx.req, cap, largeBodies);
    ctx.state.readBytes = () => body.read();
    ctx.state.forgetBody = () => body.forget();
    if (cap.bytesMax > JSON_BODY_BYTES_MAX) ctx.res.once('close', () => body.forget());
    await next();
  };
}
