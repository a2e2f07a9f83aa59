import Koa from 'koa';
import { createGates } from './gates/gates';
import { callHandler } from './http/call-handler';
import { createPages } from './http/pages';
import { routeRequests } from './router';
import { dashboardHeaders } from './middleware/dashboard-headers';
import { catchErrors } from './middleware/catch-errors';
import { clientIp } from './middleware/client-ip';
import { cors } from './middleware/cors';
import { observe } from './middleware/observe';
import { opsAuth } from './middleware/ops-auth';
import { requestId } from './middleware/request-id';
import { targetPath } from './middleware/target-path';
import { upgradeRequired } from './middleware/upgrade-required';
import type { Route } from './http/route';
import type { ApiState } from './http/state';
import { allRoutes, type RouteDeps } from './routes/routes';

export function createApp(deps: RouteDeps): Koa<ApiState> {
  return createPipeline(deps, allRoutes(deps));
}

export type PipelineDeps = Pick<RouteDeps, 'config' | 'database' | 'agents' | 'clock' | 'log' | 'metrics' | 'limiter'> &
  Partial<Pick<RouteDeps, 'live' | 'reach'>>;

/**
 * The pipeline around `routes`, in the order of conventions.md §2, which callers can observe: what stands here sees every
 * request, also one that no route answers; the rest of the order is that of each route's gates (`gates/gates.ts`).
 */
export function createPipeline(deps: PipelineDeps, routes: Route[]): Koa<ApiState> {
  const { config, log } = deps;
  const gatesOf = createGates({ ...deps, ownerFeed: deps.live?.ownerFeed });
  const calls = { ...deps, readPage: createPages(deps.metrics) };
  const app = new Koa<ApiState>();
  app.use(requestId);
  app.use(observe({ log, metrics: deps.metrics }));
  app.use(dashboardHeaders);
  app.use(catchErrors(log));
  app.use(targetPath);
  app.use(cors({ origins: config.CORS_ORIGINS, dashboardOrigins: config.DASHBOARD_ORIGINS }));
  app.use(upgradeRequired);
  app.use(opsAuth({ token: config.OPS_ADMIN_TOKEN }));
  app.use(clientIp({ trustedHeader: config.TRUSTED_IP_HEADER, trustProxy: config.TRUST_PROXY }));
  app.use(routeRequests(routes, (route) => [...gatesOf(route.endpoint), callHandler(route, calls)]));
  // Only faults of writing the response get here: the pipeline has answered everything else.
  app.on('error', (error: unknown) => log.debug({ event: 'response.failed', err: error }));
  return app;
}
