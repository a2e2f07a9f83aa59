import { isDashboardPath } from '../http/dashboard-path';
import type { ApiMiddleware } from '../http/state';

/**
 * What every answer under `/dashboard` carries, refusals and unknown paths included (dashboard.md §3.2): nothing of it is
 * kept by caches, and `Server-Timing` tells how long session check, handler (`db`: it does little else) and all took.
 */
export const dashboardHeaders: ApiMiddleware = async (ctx, next) => {
  const startedMs = performance.now();
  await next();
  if (!isDashboardPath(ctx.state.path)) return;
  ctx.set('Cache-Control', 'no-store');
  ctx.set('X-Content-Type-Options', 'nosniff');
  // Sessions are cookies: no browser should ask for a key.
  ctx.remove('WWW-Authenticate');
  const { authMs, workMs = 0 } = ctx.state;
  const parts = { ...(authMs === undefined ? {} : { auth: authMs }), db: workMs, total: performance.now() - startedMs };
  const timing = Object.entries(parts).map(([name, ms]) => `${name};dur=${Math.round(ms)}`);
  ctx.set('Server-Timing', timing.join(', '));
};
