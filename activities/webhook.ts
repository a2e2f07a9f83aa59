import { ApplicationFailure, heartbeat } from '@temporalio/activity';
import type { AttemptDeps } from '../delivery/attempt';
import { attemptDue, type DueAttempts } from '../delivery/retries';
import { disableWebhook, makeDue, skipDelivery } from '../store/webhooks/attempts/interventions';
import type { WebhookOrder } from '../workflows/messages/webhook';

export interface WebhookActivityDeps {
  attempts: AttemptDeps;
  /** First attempts that waited for the circuit may start. */
  wake: (webhookId: string) => void;
}

/** Often enough for the flow's heartbeat time-out, while single attempts may take 12 s. */
const HEARTBEAT_MS = 5_000;

/** The side effects of the flow of a failing webhook. Inputs and results hold ids, states and counts only. */
export function createWebhookActivities({ attempts, wake }: WebhookActivityDeps) {
  const { database, log } = attempts;

  /** Driver errors can quote documents: the history gets a fixed text, the log of this process the error. */
  async function guarded<T>(webhookId: string, work: () => Promise<T>): Promise<T> {
    const beat = setInterval(() => heartbeat(), HEARTBEAT_MS);
    try {
      return await work();
    } catch (error) {
      log.warn({ event: 'webhook.activity_failed', webhookId, err: error });
      throw ApplicationFailure.retryable('the database is out of reach', 'SERVICE_UNAVAILABLE');
    } finally {
      clearInterval(beat);
    }
  }

  return {
    /**
     * Attempts what is due at `now`, the flow's time. A second run repeats nothing that was recorded: attempts are
     * leased one by one.
     */
    attemptDueDeliveries: ({ webhookId, now }: { webhookId: string; now: number }): Promise<DueAttempts> =>
      guarded(webhookId, async () => {
        const due = await attemptDue(attempts, { webhookId, now: new Date(now), onStep: heartbeat });
        if (due.breaker === 'closed' && due.pending > 0) wake(webhookId);
        return due;
      }),

    /** Does what an operator asked for. A second run finds it done. */
    obeyOperator: (input: { webhookId: string; order: WebhookOrder; now: number }): Promise<void> =>
      guarded(input.webhookId, async () => {
        const { webhookId, order } = input;
        const now = new Date(input.now);
        if (order.kind === 'retry_now') await makeDue(database, webhookId, now);
        else if (order.kind === 'disable') await disableWebhook(database, webhookId);
        else await skipDelivery(database, { webhookId, deliveryId: order.deliveryId, now });
        log.info({ event: 'webhook.operator', webhookId, order: order.kind });
      }),
  };
}

export type WebhookActivities = ReturnType<typeof createWebhookActivities>;
