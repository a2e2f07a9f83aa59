import type { Logger } from '../../platform/logger';
import type { Metrics } from '../../platform/metrics';
import type { ApiMiddleware } from '../http/state';

/** Probes and scrapes come every few seconds: not worth a line each. */
const QUIET = new Set(['/v1/health', '/internal/metrics']);

/** Callers write these: enough to tell clients apart, too little to fill the log. */
const LABEL_LENGTH_MAX = 32;

/** One log line and one latency sample per request. Runs outside of the error catch, so it sees the final status. */
export function observe(deps: { log: Logger; metrics: Metrics }): ApiMiddleware {
  return async (ctx, next) => {
    const startedMs = performance.now();
    await next();
    const ms = performance.now() - startedMs;
    const route = ctx.state.endpoint?.path ?? 'unknown';
    deps.metrics.requestSeconds.observe({ method: ctx.method, route, status: ctx.status }, ms / 1000);
    const level = QUIET.has(route) ? 'debug' : 'info';
    if (!deps.log.isLevelEnabled(level)) return;
    deps.log[level]({
      event: 'request',
      requestId: ctx.state.requestId,
      method: ctx.method,
      route,
      status: ctx.status,
      ms: Math.round(ms * 10) / 10,
      agent: ctx.state.agent?.handle,
      owner: ctx.state.owner?.id,
      client: ctx.get('x-agentchat-client').slice(0, LABEL_LENGTH_MAX) || undefined,
      clientVersion: ctx.get('x-agentchat-client-version').slice(0, LABEL_LENGTH_MAX) || undefined,
    });
  };
}
