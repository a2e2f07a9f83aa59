import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RecoveryActivities } from '../activities/webhook-recovery';
import { AGENT_HANDLE, STAGE, WEBHOOK_ID } from './messages/search-attributes';
import {
  webhookRecoveryQuery,
  type RecoveryCursor,
  type WebhookRecoveryInput,
  type WebhookRecoveryView,
} from './messages/webhook-recovery';

/** Pages of fifty for 20 s at most; a worker that died is found by its heartbeat, its page is done again. */
const { recoverDeliveries } = proxyActivities<RecoveryActivities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'Make deliveries of what was missed',
});

/** How long an endpoint that has enough to do is left alone: soon again at first, as most take what waits in seconds. */
const WAIT_AFTER_MS = [1_000, 2_000, 5_000, 15_000];
const WAIT_MS_MAX = 60_000;

/**
 * Sends an endpoint what it missed (webhooks.md §11.2), oldest first and at its pace: deliveries are made as long as few
 * wait, and first attempts go out as always. Ends when nothing of the time asked for is left, or with the webhook.
 */
export async function webhookRecovery(input: WebhookRecoveryInput): Promise<WebhookRecoveryView> {
  const { webhookId, since, until, status } = input;
  let cursor: RecoveryCursor | null = input.resumed?.cursor ?? null;
  let waits = input.resumed?.waits ?? 0;
  let view: WebhookRecoveryView = input.resumed?.view ?? {
    stage: 'recovering',
    matched: input.matched,
    made: 0,
    readUpTo: since,
  };
  setHandler(webhookRecoveryQuery, () => view);

  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof webhookRecovery>({ ...input, resumed: { view, cursor, waits } });
    }
    const step = await recoverDeliveries({ webhookId, since, until, status, cursor, now: Date.now() });
    cursor = step.cursor;
    waits = step.made > 0 ? 0 : waits;
    view = { ...view, stage: step.stage, made: view.made + step.made, readUpTo: cursor?.logAtMs ?? view.readUpTo };
    show(input, view);
    if (view.stage !== 'recovering' && view.stage !== 'waiting') return view;
    if (view.stage === 'recovering') continue;
    await sleep(WAIT_AFTER_MS[waits] ?? WAIT_MS_MAX, { summary: 'The endpoint takes what it was given' });
    waits += 1;
  }
}

/** What operators read in the Temporal UI. */
function show(input: WebhookRecoveryInput, { stage, matched, made, readUpTo }: WebhookRecoveryView): void {
  const found = matched >= 10_000 ? '10,000 or more' : String(matched);
  setCurrentDetails(
    [
      `Stage: **${stage}**.`,
      `Deliveries made: ${made}; missing when it was asked for: ${found}`,
      `Log worked off up to ${new Date(readUpTo).toISOString()} of ${new Date(input.until).toISOString()}`,
    ].join('\n\n'),
  );
  if (!input.hasSearchAttributes) return;
  upsertSearchAttributes([
    { key: WEBHOOK_ID, value: input.webhookId },
    { key: AGENT_HANDLE, value: input.handle },
    { key: STAGE, value: stage },
  ]);
}
