import type { WebhookActivities } from '../../activities/webhook';
import type { WebhookTestActivities } from '../../activities/webhook-test';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import {
  attemptFailedSignal,
  disableSignal,
  healthQuery,
  retryNowSignal,
  skipSignal,
  webhookFlowId,
} from '../../workflows/messages/webhook';
import { webhookTestId } from '../../workflows/messages/webhook-test';
import type { webhook } from '../../workflows/webhook';
import type { webhookTest } from '../../workflows/webhook-test';

type Due = Awaited<ReturnType<WebhookActivities['attemptDueDeliveries']>>;

/** Records what the flow of a webhook in trouble does; run by `npm run histories`. */
describe('histories of webhooks in trouble', () => {
  const time = useSkippedTime();

  const idle = {
    breaker: 'closed',
    consecutiveFailures: 0,
    pending: 0,
    failed: 0,
    attempted: 0,
    delivered: 0,
    dead: 0,
  } as const;
  const healthy: Due = { ...idle, stage: 'healthy', nextAt: null };
  const retrying = (now: number, ms: number): Due => ({
    ...idle,
    stage: 'retrying',
    failed: 1,
    attempted: 1,
    nextAt: now + ms,
  });

  /** Runs one flow with scripted looks and saves its history. */
  async function record(
    behaviour: string,
    looks: (count: number, now: number) => Due,
    body: (flow: Awaited<ReturnType<typeof start>>) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    let count = 0;
    const activities: WebhookActivities = {
      attemptDueDeliveries: ({ now }) => Promise.resolve(looks((count += 1), now)),
      obeyOperator: () => Promise.resolve(),
    };
    await time.withWorker(activities, async () => {
      const flow = await start(behaviour);
      await body(flow);
      await flow.result();
      const from = time.server;
      await saveHistory(from, flow.workflowId, `webhook/${behaviour}`);
    });
  }
  const start = (behaviour: string) =>
    time.start<typeof webhook>('webhook', webhookFlowId(`whk_${behaviour}`), [
      { webhookId: `whk_${behaviour}`, handle: 'some-agent', hasSearchAttributes: false },
    ]);

  test('webhook: recovered after retries and a cool-down', async () => {
    await record('recovered', (count, now) => {
      if (count === 1) return retrying(now, 10_000);
      if (count === 2)
        return { ...retrying(now, 300_000), stage: 'circuit_open', breaker: 'open', consecutiveFailures: 5 };
      return count === 3 ? { ...retrying(now, 30_000), delivered: 1 } : { ...healthy, delivered: 1 };
    });
  });

  test('webhook: nothing to do', () => record('nothing-to-do', () => healthy));

  test('webhook: orders of operators, and signals of failures', async () => {
    let isDone = false;
    await record(
      'operators',
      (_, now) => (isDone ? { ...healthy, stage: 'disabled' } : retrying(now, 3_600_000)),
      async (flow) => {
        await waitFor(() => flow.query(healthQuery));
        await flow.signal(skipSignal, { deliveryId: 'whd_skipped' });
        await flow.signal(retryNowSignal);
        await flow.signal(attemptFailedSignal, { dueAt: 0 });
        isDone = true;
        await flow.signal(disableSignal);
      },
    );
  });
});

describe('histories of tests of endpoints', () => {
  const time = useSkippedTime();

  test('webhook-test: how the one attempt ended', async () => {
    const result = { delivered: false, status: 503, durationMs: 12, error: 'HTTP 503 Service Unavailable' };
    const activities: WebhookTestActivities = { tryEndpoint: () => Promise.resolve(result) };
    await time.withWorker(activities, async () => {
      const testId = 'whd_ended';
      const flow = await time.start<typeof webhookTest>('webhookTest', webhookTestId(testId), [{ testId }]);
      expect(await flow.result()).toEqual(result);
      await saveHistory(time.server, flow.workflowId, 'webhook-test/ended');
    });
  });
});
