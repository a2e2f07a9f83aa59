import { AppError } from '../../contract/errors';
import { IP_LIMITS } from '../../contract/limits';
import type { Logger } from '../../platform/logger';
import type { Database } from '../../store/database';
import { hitRateWindow } from '../../store/rate-windows';
import type { ApiMiddleware } from '../state';

/** Counts calls per client address where the endpoint has a window; open when the counters are out of reach. */
export function ipLimit(deps: { database: Database; log: Logger; isOn: boolean }): ApiMiddleware {
  return async (ctx, next) => {
    const scope = ctx.state.route?.endpoint.ipLimit;
    if (scope === undefined || !deps.isOn) return next();
    const { limit, windowMs } = IP_LIMITS[scope];
    const hit = await hitRateWindow(deps.database, {
      scope,
      subject: ctx.state.clientIp,
      limit,
      windowMs,
      now: new Date(),
    }).catch((error: unknown) => {
      deps.log.warn({ event: 'rate_limit.open', scope, err: error });
      return null;
    });
    if (hit !== null && !hit.allowed) {
      throw new AppError('RATE_LIMITED', { retry_after_ms: hit.retryAfterMs, scope, limit }, hit.retryAfterMs);
    }
    await next();
  };
}
