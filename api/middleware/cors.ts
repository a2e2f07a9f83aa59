import type { ApiMiddleware } from '../state';

/** conventions.md §16. */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const ALLOWED =
  'Authorization, Content-Type, Idempotency-Key, X-Request-Id, X-AgentChat-Client, X-AgentChat-Client-Version, User-Agent';
const EXPOSED = 'Retry-After, X-Backlog-Warning, Idempotent-Replay, X-Request-Id, Location';
const DASHBOARD_EXPOSED = 'Retry-After, Server-Timing';

export interface CorsOptions {
  /** Origins for `/v1/*`; absent = every origin. */
  origins?: string[];
  /** Exact allow-list for `/dashboard/*`. */
  dashboardOrigins?: string[];
}

/** Cross-origin headers on every answer, errors too, and the answers to preflights. */
export function cors(options: CorsOptions): ApiMiddleware {
  return async (ctx, next) => {
    const origin = ctx.get('origin');
    const isDashboard = ctx.path.startsWith('/dashboard/');
    const allowed = isDashboard
      ? options.dashboardOrigins?.includes(origin)
      : (options.origins?.includes(origin) ?? '*');
    if (isDashboard || options.origins !== undefined) ctx.vary('Origin');
    if (allowed) {
      ctx.set('Access-Control-Allow-Origin', allowed === '*' ? '*' : origin);
      ctx.set('Access-Control-Expose-Headers', isDashboard ? DASHBOARD_EXPOSED : EXPOSED);
      if (isDashboard) ctx.set('Access-Control-Allow-Credentials', 'true');
    }
    if (ctx.method !== 'OPTIONS') return next();
    if (allowed) {
      ctx.set('Access-Control-Allow-Methods', METHODS);
      ctx.set('Access-Control-Allow-Headers', isDashboard ? 'Content-Type' : ALLOWED);
      ctx.set('Access-Control-Max-Age', '600');
    }
    ctx.status = 204;
  };
}
