import { WEBHOOK_ATTEMPTS_AT_ONCE } from '../contract/webhook-limits';
import { leaseFirst } from '../store/webhooks/attempts/leases';
import { recordLost } from '../store/webhooks/attempts/lost';
import { requestFlow } from '../store/webhooks/attempts/retry-requests';
import { isAnyFirstFree } from '../store/webhooks/attempts/units';
import { nextWaiting, sortByReach } from '../store/webhooks/attempts/waiting';
import { loadWebhook } from '../store/webhooks/webhooks';
import type { AttemptDeps } from './attempt';
import type { DeadLetterWatch } from './dead-letter-watch';
import { EndpointPump } from './endpoint-pump';
import { repeat } from '../platform/repeat';

/** Attempts on the wire of this process. */
const IN_FLIGHT_MAX = 1_000;
/** From here on an endpoint gets one at a time: those that are slow must leave room for the others. */
const CROWDED = 500;
/** Looks for what nobody woke us for: another process made it, or died with it. */
const SWEEP_EVERY_MS = 2_000;
/** Endpoints that one sweep looks at; the next goes on behind them. */
const SWEPT_MAX = 200;
const LOST_MAX = 100;

/** The first attempts of this process. */
export interface FirstAttempts {
  /** There is something new for this webhook. */
  wake(webhookId: string): void;
  /** Starts nothing more and waits for what is on the wire. */
  stop(): Promise<void>;
}

/**
 * Makes the first attempt of every delivery at once: endpoints run beside each other, each with at most ten attempts on
 * the wire. A sweep finds what was not woken for, and attempts whose worker died (webhooks.md G10: within 60 s).
 *
 * First attempts of an endpoint start in the order of the commits: one pump, which leases the oldest and starts them in
 * that order. Of several workers each keeps that order; what two of them lease at once may start within milliseconds.
 * Where the webhook asked for the order of its conversations, that one is exact (`in-order.ts`).
 */
export function startFirstAttempts(
  deps: AttemptDeps,
  watch?: DeadLetterWatch,
  sweepEveryMs = SWEEP_EVERY_MS,
): FirstAttempts {
  const pumps = new Map<string, EndpointPump>();
  const running = new Set<Promise<unknown>>();
  let inFlight = 0;
  let isStopped = false;
  const counted: AttemptDeps['egress']['post'] = async (url, request) => {
    inFlight += 1;
    try {
      return await deps.egress.post(url, request);
    } finally {
      inFlight -= 1;
    }
  };
  const countedDeps = { ...deps, egress: { ...deps.egress, post: counted } };

  function room(own: number): number {
    if (isStopped) return 0;
    const share = inFlight < CROWDED ? WEBHOOK_ATTEMPTS_AT_ONCE : 1;
    return Math.min(share - own, IN_FLIGHT_MAX - inFlight);
  }

  function wake(webhookId: string): void {
    const known = pumps.get(webhookId);
    if (known !== undefined) return known.wake();
    if (isStopped) return;
    const pump = new EndpointPump(countedDeps, {
      webhookId,
      lease: (input) => leaseFirst(deps.database, input),
      room,
      now: () => new Date(),
    });
    pumps.set(webhookId, pump);
    const run = pump
      .run(() => pumps.delete(webhookId))
      .catch((error: unknown) => deps.log.warn({ event: 'webhook.pump_failed', webhookId, err: error }))
      .finally(() => running.delete(run));
    running.add(run);
  }

  const sweeping = sweepUntilStopped(deps, { wake, watch, sweepEveryMs });
  return {
    wake,
    stop: async () => {
      isStopped = true;
      for (const pump of pumps.values()) pump.wake();
      await Promise.all([sweeping.stop(), ...running]);
    },
  };
}

function sweepUntilStopped(
  deps: AttemptDeps,
  { wake, watch, sweepEveryMs }: Pick<FirstAttempts, 'wake'> & { watch?: DeadLetterWatch; sweepEveryMs: number },
) {
  let cursor = '';
  const round = async (): Promise<void> => {
    try {
      cursor = await sweep(deps, wake, cursor);
      await watch?.round();
    } catch (error) {
      deps.log.warn({ event: 'webhook.sweep_failed', err: error });
    }
  };
  return repeat(round, { everyMs: sweepEveryMs });
}

/** @returns where the next sweep goes on; from the start when this one came to the end */
async function sweep({ database, log }: AttemptDeps, wake: (webhookId: string) => void, from: string): Promise<string> {
  const now = new Date();
  // What cannot be recorded comes again with the next sweep; what waits does not wait for it.
  await recordLost(database, now, LOST_MAX).catch((error: unknown) =>
    log.warn({ event: 'webhook.lost_not_recorded', err: error }),
  );
  const waiting: string[] = [];
  let cursor: string | null = from;
  while (cursor !== null && waiting.length < SWEPT_MAX) {
    cursor = await nextWaiting(database, cursor);
    if (cursor !== null) waiting.push(cursor);
  }
  const { open, toProbe } = await sortByReach(database, waiting, now);
  for (const webhookId of open) wake(webhookId);
  // The flow may have ended with nothing to probe: now there is something.
  for (const webhookId of toProbe) {
    const webhook = await loadWebhook(database, webhookId);
    if (webhook !== null && (await isAnyFirstFree(database, webhook))) await requestFlow(database, webhookId, now);
  }
  return cursor ?? '';
}
