import { createHash } from 'node:crypto';
import type { Endpoint } from '../../contract/endpoint';
import { normaliseHandle } from '../../contract/handles';
import { ADDRESS_LIMITS } from '../../contract/limits';
import { hashLinkToken } from '../../platform/link-tokens';
import type { RateLimiter } from '../http/rate-limiter';
import type { ApiContext, ApiMiddleware } from '../http/state';

/**
 * Counts calls per client address before anything is known of the caller, so that guessing keys or codes is counted too.
 * Null: the endpoint has no such window.
 */
export function limitAddress(endpoint: Endpoint, limiter: RateLimiter): ApiMiddleware | null {
  const count = addressCounter(endpoint, limiter);
  if (count === null) return null;
  return async (ctx, next) => {
    await count(ctx);
    await next();
  };
}

/**
 * Counts the calls of an agent, after authentication and before the body (conventions.md §2 step 7). Where a window of
 * agents stands too, that of addresses is for anonymous callers.
 */
export function limitAgent(endpoint: Endpoint, limiter: RateLimiter): ApiMiddleware | null {
  const { agentLimits } = endpoint;
  const countAddress = addressCounter(endpoint, limiter);
  if (agentLimits === undefined && countAddress === null) return null;
  return async (ctx, next) => {
    const { agent } = ctx.state;
    if (agentLimits === undefined || agent === null) await countAddress?.(ctx);
    else for (const scope of agentLimits) await limiter.countAgent(scope, agent._id);
    await next();
  };
}

/** Counts the calls of an owner, but for those that are counted per address already. */
export function limitOwner({ addressLimit, ownerLimits = [] }: Endpoint, limiter: RateLimiter): ApiMiddleware | null {
  if (addressLimit !== undefined) return null;
  return async (ctx, next) => {
    const { owner } = ctx.state;
    for (const scope of ['dashboard', ...ownerLimits] as const) {
      if (owner !== null) await limiter.countOwner(scope, owner.id);
    }
    await next();
  };
}

/**
 * Counts calls that name a share link's token before anything is known of it, so that guessing is counted and tells
 * nothing (gateway.md §6.2). Null: the endpoint is none of the public chat.
 */
export function limitPublic({ publicChat }: Endpoint, limiter: RateLimiter): ApiMiddleware | null {
  if (publicChat === undefined) return null;
  return async (ctx, next) => {
    await limiter.countPublic('lookups', ctx.state.clientIp);
    if (publicChat === 'message') {
      await limiter.countPublic('messages', ctx.state.clientIp);
      await limiter.countPublic('link_messages', hashLinkToken(ctx.state.params.token ?? ''));
    }
    await next();
  };
}

function addressCounter(
  { addressLimit: scope }: Endpoint,
  limiter: RateLimiter,
): ((ctx: ApiContext) => Promise<void>) | null {
  if (scope === undefined) return null;
  const isPerPath = 'isPerPath' in ADDRESS_LIMITS[scope];
  return (ctx) => limiter.countAddress(scope, ctx.state.clientIp, isPerPath ? `:${pathKey(ctx)}` : '');
}

/** One key for all spellings of a path (`@Alice`, `%40alice`), of a fixed length. */
function pathKey(ctx: ApiContext): string {
  const params = Object.values(ctx.state.params).map(normaliseHandle);
  return createHash('sha256').update(params.join('\0')).digest('base64url').slice(0, 22);
}
