import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { WebhookActivities } from '../activities/webhook';
import { AGENT_HANDLE, STAGE, WEBHOOK_ID } from './messages/search-attributes';
import {
  attemptFailedSignal,
  disableSignal,
  healthQuery,
  retryNowSignal,
  skipSignal,
  type WebhookFlowInput,
  type WebhookFlowView,
  type WebhookOrder,
} from './messages/webhook';

/**
 * Up to forty attempts of 12 s at most, ten at once. One that dies is found by its heartbeat; the attempts that it had
 * begun count, and are repeated by the next activity. Until the database answers there is nothing else to do.
 */
const { attemptDueDeliveries } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '3 minutes',
  heartbeatTimeout: '40 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'Attempt what is due',
});

/** Some thousand rows at most; an operator waits for it, so it is tried until it is done. */
const { obeyOperator } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'Do what an operator asked for',
});

/**
 * Runs while an endpoint is failing: sleeps until its earliest failed delivery is due or its cool-down ends, has that
 * attempted, and ends when nothing is failing any more. One flow per endpoint, however many deliveries wait.
 */
export async function webhook(input: WebhookFlowInput): Promise<WebhookFlowView> {
  const orders: WebhookOrder[] = [...(input.resumed?.orders ?? [])];
  let view: WebhookFlowView | null = input.resumed?.view ?? null;
  /** Something may be due earlier than `view` knows. */
  let isAsked = true;

  setHandler(attemptFailedSignal, ({ dueAt }) => {
    if (view === null || view.nextAt === null || dueAt < view.nextAt) isAsked = true;
  });
  setHandler(retryNowSignal, () => void orders.push({ kind: 'retry_now' }));
  setHandler(disableSignal, () => void orders.push({ kind: 'disable' }));
  setHandler(skipSignal, ({ deliveryId }) => void orders.push({ kind: 'skip', deliveryId }));
  setHandler(healthQuery, () => view);

  for (;;) {
    if (workflowInfo().continueAsNewSuggested && view !== null) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof webhook>({ ...input, resumed: { orders, view } });
    }
    for (let order = orders.shift(); order !== undefined; order = orders.shift()) {
      await obeyOperator({ webhookId: input.webhookId, order, now: Date.now() });
    }
    isAsked = false;
    view = await attemptDue(input, view);
    if (isAsked || orders.length > 0) continue;
    if (view.nextAt === null) return view;
    const waitMs = Math.max(1, view.nextAt - Date.now());
    await condition(() => isAsked || orders.length > 0, waitMs, { summary: waitsFor(view) });
  }
}

async function attemptDue(input: WebhookFlowInput, before: WebhookFlowView | null): Promise<WebhookFlowView> {
  const { attempted, delivered, dead, ...health } = await attemptDueDeliveries({
    webhookId: input.webhookId,
    now: Date.now(),
  });
  const view = {
    ...health,
    attempted: (before?.attempted ?? 0) + attempted,
    delivered: (before?.delivered ?? 0) + delivered,
    dead: (before?.dead ?? 0) + dead,
  };
  setCurrentDetails(detailsOf(view));
  if (input.hasSearchAttributes && view.stage !== before?.stage) {
    upsertSearchAttributes([
      { key: WEBHOOK_ID, value: input.webhookId },
      { key: AGENT_HANDLE, value: input.handle },
      { key: STAGE, value: view.stage },
    ]);
  }
  return view;
}

function waitsFor({ stage }: WebhookFlowView): string {
  if (stage === 'circuit_open') return 'The cool-down ends';
  return stage === 'paused' ? 'The agent is paused' : 'The next attempt is due';
}

/** What operators read in the Temporal UI: never a URL, which may carry a password, and no content. */
function detailsOf(view: WebhookFlowView): string {
  const { stage, breaker, consecutiveFailures, pending, failed, nextAt, attempted, delivered, dead } = view;
  const many = (count: number): string => (count >= 1_000 ? '1,000 or more' : String(count));
  return [
    `Stage: **${stage}**. Circuit: ${breaker}, ${consecutiveFailures} failures in a row.`,
    `Waiting for a repetition: ${many(failed)}; for a first attempt: ${many(pending)}`,
    `Attempts of this flow: ${attempted}, of them delivered: ${delivered}; given up: ${dead}`,
    nextAt === null ? 'Nothing to wait for.' : `Next look: ${new Date(nextAt).toISOString()}`,
  ].join('\n\n');
}
