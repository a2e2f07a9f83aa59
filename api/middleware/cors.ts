import { isDashboardPath } from '../http/dashboard-path';
import type { ApiMiddleware } from '../http/state';

/** conventions.md §16. */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const ALLOWED =
  'Authorization, Content-Type, Idempotency-Key, X-Request-Id, X-AgentChat-Client, X-AgentChat-Client-Version, User-Agent';
const EXPOSED = 'Retry-After, X-Backlog-Warning, Idempotent-Replay, X-Request-Id, Location';
const DASHBOARD_EXPOSED = 'Retry-After, Server-Timing';

export interface CorsOptions {
  /** Origins for `/v1/*`; absent or with `*` in it = every origin. */
  origins?: string[];
  /** Exact allow-list for `/dashboard/*`; never `*`, because these answers carry credentials. */
  dashboardOrigins?: string[];
}

/**
 * Cross-origin headers, set before anything can refuse so that errors carry them too, and the answers to preflights.
 * `/internal/*` has none: an open metrics page must not be readable by every web page of the operator's browser.
 */
export function cors(options: CorsOptions): ApiMiddleware {
  const open = options.origins === undefined || options.origins.includes('*');
  return async (ctx, next) => {
    const { path } = ctx.state;
    const isDashboard = isDashboardPath(path);
    const allowed = path.startsWith('/internal/') ? null : allowOrigin(options, open, isDashboard, ctx.get('origin'));
    if (isDashboard || !open) ctx.vary('Origin');
    if (allowed !== null) {
      ctx.set('Access-Control-Allow-Origin', allowed);
      ctx.set('Access-Control-Expose-Headers', isDashboard ? DASHBOARD_EXPOSED : EXPOSED);
      if (isDashboard) ctx.set('Access-Control-Allow-Credentials', 'true');
    }
    if (ctx.method !== 'OPTIONS') return next();
    if (allowed !== null) {
      ctx.set('Access-Control-Allow-Methods', METHODS);
      ctx.set('Access-Control-Allow-Headers', isDashboard ? 'Content-Type' : ALLOWED);
      ctx.set('Access-Control-Max-Age', '600');
    }
    ctx.status = 204;
  };
}

/** The value of `Access-Control-Allow-Origin`, or null for an origin that is not let in. */
function allowOrigin(options: CorsOptions, open: boolean, isDashboard: boolean, origin: string): string | null {
  if (!isDashboard && open) return '*';
  const list = isDashboard ? options.dashboardOrigins : options.origins;
  return origin !== '' && list?.includes(origin) === true ? origin : null;
}
