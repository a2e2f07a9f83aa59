import type { Logger } from '../platform/logger';
import type { Metrics } from '../platform/metrics';
import { countDeadLetters } from '../store/webhooks/attempts/dead-letters';
import type { Database } from '../store/schema/database';

const HOUR_MS = 3_600_000;
const EVERY_MS = 60_000;
/** Counting stops here: by then an operator has to act. */
const COUNTED_MAX = 10_000;

/**
 * Counts once a minute what was given up within the last hour, and calls an operator at `alertAt` (webhooks.md §8). It
 * calls again only after the number was below it.
 */
export function createDeadLetterWatch(deps: { database: Database; metrics: Metrics; log: Logger; alertAt: number }) {
  const { database, metrics, log, alertAt } = deps;
  let countedAtMs = Number.NEGATIVE_INFINITY;
  let isCalled = false;
  return {
    async round(): Promise<void> {
      if (performance.now() - countedAtMs < EVERY_MS) return;
      countedAtMs = performance.now();
      const count = await countDeadLetters(database, new Date(Date.now() - HOUR_MS), COUNTED_MAX);
      metrics.webhookDeadLettersLastHour.set(count);
      const isOver = alertAt > 0 && count >= alertAt;
      if (isOver && !isCalled) log.error({ event: 'webhook.dead_letters_high', lastHour: count, alertAt });
      isCalled = isOver;
    },
  };
}

export type DeadLetterWatch = ReturnType<typeof createDeadLetterWatch>;
