import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../../contract/errors';
import { isDashboardPath } from '../dashboard-path';
import type { ApiMiddleware } from '../state';

export interface OriginRule {
  publicBaseUrl: string;
  /** `DASHBOARD_ORIGINS` */
  allowed?: string[];
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a browser may send this from the page it shows (dashboard.md §3.2): from our own origin or one of the list. A
 * caller without `Origin` is no browser, or one that says `Sec-Fetch-Site`. While the public address is plain http, which
 * is development, the address that the browser used counts as our own, too.
 */
export function isFromAllowedOrigin(
  headers: IncomingHttpHeaders,
  { publicBaseUrl, allowed = [] }: OriginRule,
): boolean {
  const { origin, host } = headers;
  if (origin !== undefined && allowed.includes(origin)) return true;
  if (headers['sec-fetch-site'] === 'cross-site') return false;
  if (origin === undefined) return true;
  const own = new URL(publicBaseUrl);
  return origin === own.origin || (own.protocol === 'http:' && origin === `http://${host ?? ''}`);
}

/** Refuses unsafe calls under `/dashboard` that another site's page makes, before anybody is authenticated. */
export function originRule(rule: OriginRule): ApiMiddleware {
  return async (ctx, next) => {
    const isGuarded = isDashboardPath(ctx.state.path) && !SAFE.has(ctx.method);
    if (isGuarded && !isFromAllowedOrigin(ctx.req.headers, rule)) throw new AppError('FORBIDDEN');
    await next();
  };
}
