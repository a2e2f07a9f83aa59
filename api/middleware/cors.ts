import { isDashboardPath } from '../http/dashboard-path';
import { isGatewayPath } from '../http/gateway-path';
import type { ApiMiddleware } from '../http/state';

/** conventions.md §16. */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const ALLOWED =
  'Authorization, Content-Type, Idempotency-Key, X-Request-Id, X-AgentChat-Client, X-AgentChat-Client-Version, User-Agent';
const EXPOSED = 'Retry-After, X-Backlog-Warning, Idempotent-Replay, X-Request-Id, Location';
/** gateway.md §2, §4, §12.1: what pages read of a turn and of a list, and how they resume a stream. */
const GATEWAY_ALLOWED = `${ALLOWED}, Last-Event-ID, Accept`;
const GATEWAY_EXPOSED = `${EXPOSED}, X-Execution-Id, X-Session-Id, X-Idempotent-Replay, Link`;
/** The public chat is for pages of any site (gateway.md §6.2). */
const PUBLIC_ALLOWED = 'Content-Type, Idempotency-Key, X-Request-Id, Last-Event-ID, Accept';
const PUBLIC_EXPOSED = 'Retry-After, X-Request-Id, X-Execution-Id, X-Session-Id, X-Idempotent-Replay';
/** gateway.md §6.3: what payers send and read. Published clients send the last one as a header of their request. */
const PAID_ALLOWED = `${ALLOWED}, PAYMENT-SIGNATURE, X-PAYMENT, Access-Control-Expose-Headers`;
const PAID_EXPOSED = `${GATEWAY_EXPOSED}, PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE`;
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
    const area = areaOf(ctx.state.path);
    const allowed = allowOrigin(options, open, area, ctx.get('origin'));
    if (area === 'dashboard' || (!isForAll(area) && !open)) ctx.vary('Origin');
    if (allowed !== null) {
      ctx.set('Access-Control-Allow-Origin', allowed);
      ctx.set('Access-Control-Expose-Headers', EXPOSED_IN[area]);
      if (area === 'dashboard') ctx.set('Access-Control-Allow-Credentials', 'true');
    }
    if (ctx.method !== 'OPTIONS') return next();
    if (allowed !== null) {
      ctx.set('Access-Control-Allow-Methods', METHODS);
      ctx.set('Access-Control-Allow-Headers', ALLOWED_IN[area]);
      ctx.set('Access-Control-Max-Age', '600');
    }
    ctx.status = 204;
  };
}

/** Which rule a path has: pages of any site read `public` and `paid`, listed ones the others, none `none`. */
type Area = 'public' | 'paid' | 'gateway' | 'dashboard' | 'api' | 'none';

const isForAll = (area: Area): boolean => area === 'public' || area === 'paid';

const EXPOSED_IN: Record<Area, string> = {
  public: PUBLIC_EXPOSED,
  paid: PAID_EXPOSED,
  gateway: GATEWAY_EXPOSED,
  dashboard: DASHBOARD_EXPOSED,
  api: EXPOSED,
  none: '',
};
const ALLOWED_IN: Record<Area, string> = {
  public: PUBLIC_ALLOWED,
  paid: PAID_ALLOWED,
  gateway: GATEWAY_ALLOWED,
  dashboard: 'Content-Type',
  api: ALLOWED,
  none: '',
};

function areaOf(path: string): Area {
  if (path.startsWith('/internal/')) return 'none';
  if (path.startsWith('/api/public/')) return 'public';
  if (path.startsWith('/api/paid/')) return 'paid';
  if (isGatewayPath(path)) return 'gateway';
  return isDashboardPath(path) ? 'dashboard' : 'api';
}

/** The value of `Access-Control-Allow-Origin`, or null for an origin that is not let in. */
function allowOrigin(options: CorsOptions, open: boolean, area: Area, origin: string): string | null {
  if (area === 'none') return null;
  if (isForAll(area) || (area !== 'dashboard' && open)) return '*';
  const list = area === 'dashboard' ? options.dashboardOrigins : options.origins;
  return origin !== '' && list?.includes(origin) === true ? origin : null;
}
