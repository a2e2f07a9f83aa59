import { AppError } from '../../contract/errors';
import { ownerPrincipal } from '../../store/gateway/sessions';
import { bearerKey } from '../http/bearer-key';
import type { ApiMiddleware } from '../http/state';
import type { RateLimiter } from '../http/rate-limiter';
import { findSessionOwner, type RequireOwnerDeps } from './require-owner';

/** Access tokens are JWTs, whose header begins so in base64. */
const JWT_BEGINNING = 'eyJ';

/**
 * Who calls the chat gateway (gateway.md §2). Verified before anything of the path is looked up. Any other key, an agent's
 * too, counts for nothing here.
 */
export function requirePrincipal(deps: RequireOwnerDeps): ApiMiddleware {
  return async (ctx, next) => {
    const token = bearerKey(ctx.get('authorization'));
    if (token === null) throw new AppError('UNAUTHORIZED', undefined, undefined, 'A bearer token is required');
    if (!token.startsWith(JWT_BEGINNING)) {
      throw new AppError('INVALID_API_KEY', undefined, undefined, 'This key is not one of the chat gateway', 401);
    }
    ctx.state.owner = await findSessionOwner(deps, token);
    await next();
  };
}

/** Counts reads, and turns where one begins: after authentication, before the body (gateway.md §13). */
export function limitPrincipal(startsTurn: boolean, limiter: RateLimiter): ApiMiddleware {
  return async (ctx, next) => {
    const { owner } = ctx.state;
    if (owner !== null) await limiter.countGateway(startsTurn ? 'turns' : 'reads', ownerPrincipal(owner).key);
    await next();
  };
}
