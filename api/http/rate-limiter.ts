import { AppError } from '../../contract/errors';
import {
  ADDRESS_LIMITS,
  AGENT_LIMITS,
  GATEWAY_LIMITS,
  OWNER_LIMITS,
  PUBLIC_LIMITS,
  SERVICE_LIMITS,
  type RateLimit,
} from '../../contract/limits';
import { BoundedMap } from '../../platform/bounded-map';
import type { Logger } from '../../platform/logger';
import type { Database } from '../../store/schema/database';
import { hitRateWindow } from '../../store/schema/rate-windows';

/** Windows whose exhaustion is remembered: a flood costs no more writes until its window ends. */
const EXHAUSTED_MAX = 10_000;

export interface RateLimiterDeps {
  database: Database;
  log: Logger;
  /** `RATE_LIMITS` */
  isOn: boolean;
}

/**
 * The request windows of conventions.md §10, exact over all processes. Each call counts one hit and throws
 * AppError RATE_LIMITED for one too many. Open while the counters are out of reach, but for the windows of the service.
 */
export function createRateLimiter({ database, log, isOn }: RateLimiterDeps) {
  const exhausted = new BoundedMap<string, number>(EXHAUSTED_MAX);

  const count = async (scope: string, subject: string, limit: RateLimit): Promise<void> => {
    const key = `${scope}:${subject}`;
    const askedAt = performance.now();
    const rememberedMs = (exhausted.get(key) ?? 0) - askedAt;
    if (rememberedMs > 0) throw tooMany(scope, limit, Math.ceil(rememberedMs));
    const hit = await hitRateWindow(database, scope, subject, limit);
    if (hit.allowed) return;
    // From before the question: the memory ends no later than the window does. More hits in it change nothing.
    exhausted.set(key, askedAt + hit.retryAfterMs);
    throw tooMany(scope, limit, hit.retryAfterMs);
  };
  const countOrOpen = async (scope: string, subject: string, limit: RateLimit): Promise<void> => {
    if (!isOn) return;
    await count(scope, subject, limit).catch((error: unknown) => {
      if (error instanceof AppError) throw error;
      log.warn({ event: 'rate_limit.open', scope, err: error });
    });
  };

  return {
    /** One call from a client address; `path` where the window is per address and path. */
    countAddress: (scope: keyof typeof ADDRESS_LIMITS, address: string, path = '') =>
      countOrOpen(scope, `${address}${path}`, ADDRESS_LIMITS[scope]),
    /** One call of an agent. */
    countAgent: (scope: keyof typeof AGENT_LIMITS, agentId: string) => countOrOpen(scope, agentId, AGENT_LIMITS[scope]),
    /** One call of an owner of the dashboard. */
    countOwner: (scope: keyof typeof OWNER_LIMITS, ownerId: string) =>
      countOrOpen(`owner_${scope}`, ownerId, OWNER_LIMITS[scope]),
    /** One call of a caller of the chat gateway, or one of its first contacts. */
    countGateway: (scope: keyof typeof GATEWAY_LIMITS, principal: string) =>
      countOrOpen(`gateway_${scope}`, principal, GATEWAY_LIMITS[scope]),
    /** One call of the public chat, by what the window counts. */
    countPublic: (scope: keyof typeof PUBLIC_LIMITS, subject: string) =>
      countOrOpen(`public_${scope}`, subject, PUBLIC_LIMITS[scope]),
    /** One call of anybody, over the whole service. @throws also when the counter does not answer: fails closed */
    countService: async (scope: keyof typeof SERVICE_LIMITS) => {
      if (isOn) await count(scope, 'service', SERVICE_LIMITS[scope]);
    },
  };
}

export type RateLimiter = ReturnType<typeof createRateLimiter>;

function tooMany(scope: string, { limit }: RateLimit, retryAfterMs: number): AppError {
  return new AppError('RATE_LIMITED', { retry_after_ms: retryAfterMs, scope, limit }, retryAfterMs);
}
