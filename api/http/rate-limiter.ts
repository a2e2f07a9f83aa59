import { AppError } from '../../contract/errors';
import {
  ADDRESS_LIMITS,
  AGENT_LIMITS,
  GATEWAY_LIMITS,
  GATEWAY_STREAMS_MAX,
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
  /** Open streams by their caller: as many entries as there are callers that read one. */
  const streams = new Map<string, number>();

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
    /** One call of a caller of the chat gateway, one of its first contacts, or one turn with an agent. */
    countGateway: (scope: keyof typeof GATEWAY_LIMITS, subject: string) =>
      countOrOpen(`gateway_${scope}`, subject, GATEWAY_LIMITS[scope]),
    /** One call of the public chat, by what the window counts. */
    countPublic: (scope: keyof typeof PUBLIC_LIMITS, subject: string) =>
      countOrOpen(`public_${scope}`, subject, PUBLIC_LIMITS[scope]),
    /**
     * A stream of a caller of the chat gateway, until `end` is aborted. Counted in this process: what the limit protects is
     * its sockets and its memory, and they go with it.
     * @throws AppError TURN_QUEUE_FULL
     */
    holdStream: (principal: string, end: AbortSignal): void => {
      if (!isOn || end.aborted) return;
      const open = streams.get(principal) ?? 0;
      if (open >= GATEWAY_STREAMS_MAX) throw tooManyStreams();
      streams.set(principal, open + 1);
      end.addEventListener('abort', () => {
        const left = (streams.get(principal) ?? 0) - 1;
        if (left > 0) streams.set(principal, left);
        else streams.delete(principal);
      });
    },
    /** One call of anybody, over the whole service. @throws also when the counter does not answer: fails closed */
    countService: async (scope: keyof typeof SERVICE_LIMITS) => {
      if (isOn) await count(scope, 'service', SERVICE_LIMITS[scope]);
    },
  };
}

export type RateLimiter = ReturnType<typeof createRateLimiter>;

/** When one of its streams may have ended. */
const STREAM_RETRY_MS = 5_000;

const tooManyStreams = (): AppError =>
  new AppError(
    'TURN_QUEUE_FULL',
    { retry_after_ms: STREAM_RETRY_MS, limit: GATEWAY_STREAMS_MAX },
    STREAM_RETRY_MS,
    'Too many streams are open',
  );

function tooMany(scope: string, { limit }: RateLimit, retryAfterMs: number): AppError {
  return new AppError('RATE_LIMITED', { retry_after_ms: retryAfterMs, scope, limit }, retryAfterMs);
}
