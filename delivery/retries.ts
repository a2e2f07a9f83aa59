import { randomUUID } from 'node:crypto';
import { WEBHOOK_ATTEMPTS_AT_ONCE } from '../contract/webhook-limits';
import { isKeepingWaiting } from '../domain/webhook-activity';
import { stageOf, type AttemptCounts, type WebhookHealth } from '../domain/webhook-health';
import { exactlyIn, leaseDue, leaseUnit } from '../store/webhooks/attempts/leases';
import { cancelWaiting } from '../store/webhooks/attempts/interventions';
import { isProbing, releaseSlots, takeProbe } from '../store/webhooks/attempts/slots';
import { isAnyFirstFree, oldestWaiting } from '../store/webhooks/attempts/units';
import { countWaiting, earliestDue } from '../store/webhooks/attempts/waiting';
import type { Webhook } from '../store/schema/collections/webhooks';
import { loadWebhook } from '../store/webhooks/webhooks';
import type { AttemptDeps } from './attempt';
import { EndpointPump } from './endpoint-pump';

/** Attempts that one call makes: it ends within a minute even when each takes as long as it may. */
const ATTEMPTS_MAX = 40;

const NOTHING: AttemptCounts = { attempted: 0, delivered: 0, dead: 0 };

export type DueAttempts = WebhookHealth & AttemptCounts;

/**
 * Attempts what is due at a failing webhook: attempts 2 to 9, or the one probe of a circuit whose cool-down is over.
 * May run twice, and beside another: leases let each attempt through once.
 * @param now the flow's time, by which everything but leases is judged
 * @param onStep called while it goes on
 */
export async function attemptDue(
  deps: AttemptDeps,
  { webhookId, now, onStep }: { webhookId: string; now: Date; onStep: () => void },
): Promise<DueAttempts> {
  const startedMs = performance.now();
  const clock = (): Date => new Date(now.getTime() + performance.now() - startedMs);
  const webhook = await loadWebhook(deps.database, webhookId);
  const counts = webhook === null ? NOTHING : await attemptAt(deps, webhook, { now, clock, onStep });
  return { ...(await healthOf(deps, webhookId, clock())), ...counts };
}

interface Time {
  now: Date;
  clock: () => Date;
  onStep: () => void;
}

async function attemptAt(deps: AttemptDeps, webhook: Webhook, time: Time): Promise<AttemptCounts> {
  const { _id: webhookId, active, held, breaker } = webhook;
  if (!active && !isKeepingWaiting(webhook)) await cancelWaiting(deps.database, webhookId, time.now);
  if (!active || held !== null) return NOTHING;
  if (breaker.state === 'open') {
    return breaker.openUntil === null || breaker.openUntil <= time.now ? probe(deps, webhook, time) : NOTHING;
  }
  if (breaker.state === 'half_open') return isProbing(webhook, new Date()) ? NOTHING : probe(deps, webhook, time);
  const pump = new EndpointPump(deps, {
    webhookId,
    lease: (input) => leaseDue(deps.database, input),
    room: (inFlight, started) =>
      deps.isStopping() ? 0 : Math.min(WEBHOOK_ATTEMPTS_AT_ONCE - inFlight, ATTEMPTS_MAX - started),
    now: time.clock,
    onStep: time.onStep,
  });
  return pump.run();
}

/** Exactly one attempt, with the oldest of what may start; how it ends decides about the circuit. */
async function probe(deps: AttemptDeps, seen: Webhook, { now, clock, onStep }: Time): Promise<AttemptCounts> {
  const { database } = deps;
  const unit = await oldestWaiting(database, seen, now);
  if (unit === null) return NOTHING;
  const token = randomUUID();
  const slots = await takeProbe(database, { seen, token, now, wanted: exactlyIn(seen) });
  if (slots === null) return NOTHING;
  const lease = await leaseUnit(database, { unit, token, slots, now });
  // Cancelled or taken in between: the probe's place is free again, and the next call tries another delivery.
  if (lease === null) {
    await releaseSlots(database, seen._id, [token]);
    return NOTHING;
  }
  let isLeft = true;
  const pump = new EndpointPump(deps, {
    webhookId: seen._id,
    lease: () => Promise.resolve({ leases: [lease], refused: false }),
    room: () => {
      const room = isLeft ? 1 : 0;
      isLeft = false;
      return room;
    },
    now: clock,
    onStep,
  });
  return pump.run();
}

/** Where a webhook stands at `now`. */
export async function healthOf({ database }: AttemptDeps, webhookId: string, now: Date): Promise<WebhookHealth> {
  const webhook = await loadWebhook(database, webhookId);
  const { pending, failed } = webhook === null ? { pending: 0, failed: 0 } : await countWaiting(database, webhookId);
  const facts =
    webhook === null
      ? null
      : {
          ...webhook,
          earliestDue: await earliestDue(database, webhookId),
          // What waits behind a failed one comes with it: a flow that waited for it as well would never sleep.
          isWaiting: pending > 0 && (webhook.ordering === undefined || (await isAnyFirstFree(database, webhook))),
        };
  return {
    ...stageOf(facts, now),
    breaker: webhook?.breaker.state ?? 'closed',
    consecutiveFailures: webhook?.breaker.consecutive ?? 0,
    pending,
    failed,
  };
}
