import { createHash } from 'node:crypto';
import { normaliseHandle } from '../../contract/handles';
import { ADDRESS_LIMITS } from '../../contract/limits';
import type { RateLimiter } from '../rate-limiter';
import type { ApiContext, ApiMiddleware } from '../state';

/**
 * Open endpoints, and those of owners: counted before anything is known of the caller, so that guessing keys or codes is
 * counted too.
 */
export function addressLimit(limiter: RateLimiter): ApiMiddleware {
  return async (ctx, next) => {
    const auth = ctx.state.route?.endpoint.auth;
    if (auth === 'none' || auth === 'owner') await countAddress(ctx, limiter);
    await next();
  };
}

/**
 * Endpoints of agents and owners, after authentication and before the body (conventions.md §2 step 7). Where a window of agents
 * stands too, that of addresses is for anonymous callers.
 */
export function callerLimits(limiter: RateLimiter): ApiMiddleware {
  return async (ctx, next) => {
    const { route, agent, owner } = ctx.state;
    if (owner !== null) {
      if (route?.endpoint.addressLimit === undefined) await limiter.countOwner('dashboard', owner.id);
      return next();
    }
    const scopes = route?.endpoint.agentLimits;
    if (scopes !== undefined && agent !== null) {
      for (const scope of scopes) await limiter.countAgent(scope, agent._id);
    } else if (route !== null && route.endpoint.auth !== 'none') await countAddress(ctx, limiter);
    await next();
  };
}

async function countAddress(ctx: ApiContext, limiter: RateLimiter): Promise<void> {
  const scope = ctx.state.route?.endpoint.addressLimit;
  if (scope === undefined) return;
  const isPerPath = 'isPerPath' in ADDRESS_LIMITS[scope];
  await limiter.countAddress(scope, ctx.state.clientIp, isPerPath ? `:${pathKey(ctx)}` : '');
}

/** One key for all spellings of a path (`@Alice`, `%40alice`), of a fixed length. */
function pathKey(ctx: ApiContext): string {
  const params = Object.values(ctx.state.params).map(normaliseHandle);
  return createHash('sha256').update(params.join('\0')).digest('base64url').slice(0, 22);
}
