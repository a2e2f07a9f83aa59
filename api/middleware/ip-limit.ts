import { AppError } from '../../contract/errors';
import { IP_LIMITS } from '../../contract/limits';
import type { Logger } from '../../platform/logger';
import type { Database } from '../../store/database';
import { hitRateWindow } from '../../store/rate-windows';
import type { ApiMiddleware } from '../state';

/** A counter that does not answer must not cost the caller more than this: the limit is open then. */
const COUNTER_MS_MAX = 1_000;

/** Counts calls per client address where the endpoint has a window; open when the counters are out of reach. */
export function ipLimit(deps: { database: Database; log: Logger; isOn: boolean }): ApiMiddleware {
  return async (ctx, next) => {
    const scope = ctx.state.route?.endpoint.ipLimit;
    if (scope === undefined || !deps.isOn) return next();
    const { limit, windowMs } = IP_LIMITS[scope];
    const counted = hitRateWindow(deps.database, {
      scope,
      subject: ctx.state.clientIp,
      limit,
      windowMs,
      now: new Date(),
    }).catch((error: unknown) => {
      deps.log.warn({ event: 'rate_limit.open', scope, err: error });
      return null;
    });
    const hit = await firstWithin(counted, COUNTER_MS_MAX);
    if (hit !== null && !hit.allowed) {
      throw new AppError('RATE_LIMITED', { retry_after_ms: hit.retryAfterMs, scope, limit }, hit.retryAfterMs);
    }
    await next();
  };
}

/** `work`, or null when it takes longer; the rest of it goes on unobserved. */
async function firstWithin<T>(work: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
