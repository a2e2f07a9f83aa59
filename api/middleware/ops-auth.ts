import { AppError } from '../../contract/errors';
import { sameSecret } from '../http/same-secret';
import type { ApiMiddleware } from '../http/state';
import { bearerKey } from '../http/bearer-key';

/** Has a token of its own, or none. */
const METRICS_PATH = '/internal/metrics';

/**
 * The gate of `/internal/*` (conventions.md §17): 503 while no token is configured, 401 for a wrong one. It stands before
 * routing, so that a stranger cannot tell which internal paths exist.
 */
export function opsAuth(options: { token?: string }): ApiMiddleware {
  return async (ctx, next) => {
    if (!ctx.state.path.startsWith('/internal/') || ctx.state.path === METRICS_PATH) return next();
    if (options.token === undefined) throw new AppError('OPS_AUTH_REQUIRED', undefined, undefined, undefined, 503);
    const given = bearerKey(ctx.get('authorization')) ?? '';
    if (!sameSecret(given, options.token)) throw new AppError('OPS_AUTH_REQUIRED');
    await next();
  };
}
