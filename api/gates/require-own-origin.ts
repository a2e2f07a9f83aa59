import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import { isDashboardPath } from '../http/dashboard-path';
import { isFromOwnOrigin, type OwnOrigin } from '../http/own-origin';
import type { ApiMiddleware } from '../http/state';

/**
 * Refuses unsafe calls under `/dashboard` that another site's page makes, before anybody is authenticated
 * (dashboard.md §3.2). Null: the endpoint is safe, or does not listen to cookies.
 */
export function requireOwnOrigin({ method, path }: Endpoint, rule: OwnOrigin): ApiMiddleware | null {
  if (method === 'GET' || !isDashboardPath(path)) return null;
  return async (ctx, next) => {
    if (!isFromOwnOrigin(ctx.req.headers, rule)) throw new AppError('FORBIDDEN');
    await next();
  };
}
