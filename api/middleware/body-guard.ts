import { bodyCapOf, createBodyReader, refuseOversize } from '../body';
import type { ApiMiddleware } from '../state';

/** Refuses an oversize body by its length, and gives the steps that follow one reading of the body between them. */
export const bodyGuard: ApiMiddleware = async (ctx, next) => {
  const endpoint = ctx.state.route?.endpoint;
  const cap = bodyCapOf(endpoint);
  try {
    if (endpoint?.streamsBody !== true) refuseOversize(ctx.req, cap);
  } catch (error) {
    // A caller who was not looked up yet must get its 401 before anything else that is wrong with the request.
    if (ctx.state.isRecalled) await ctx.state.lookUpAgent();
    throw error;
  }
  ctx.state.readBytes = createBodyReader(ctx.req, cap);
  await next();
};
