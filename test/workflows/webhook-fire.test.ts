import { NativeConnection, Worker } from '@temporalio/worker';
import type { DueAttempts } from '../../delivery/retries';
import { compiled } from '../../local/root';
import { LONG_HISTORY } from '../../local/test-servers';
import { attemptFailedSignal, skipSignal, webhookFlowId, type WebhookOrder } from '../../workflows/messages/webhook';
import type { webhook as webhookFlow } from '../../workflows/webhook';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const WEBHOOK_ID = 'whk_under_fire';
const SIGNALS = LONG_HISTORY + 200;
const AT_ONCE = 50;
const TASK_QUEUE = 'under-fire';
const HEALTH = { breaker: 'closed', consecutiveFailures: 1, pending: 0 } as const;

describe('the flow of a webhook under a fire of signals', () => {
  const { stack, client } = useStack({ apis: 0, workers: 0 });

  /** Runs `body` while a worker with these activities runs the real workflow bundle. */
  async function withWorker(activities: object, body: () => Promise<void>): Promise<void> {
    const connection = await NativeConnection.connect({ address: stack.temporalAddress });
    const worker = await Worker.create({
      connection,
      namespace: stack.namespace,
      taskQueue: TASK_QUEUE,
      workflowBundle: { codePath: compiled('worker/workflow-bundle') },
      activities,
    });
    await worker.runUntil(body).finally(() => connection.close());
  }

  test('a history that grows too long goes on in a new run, which has every order and count of the last', async () => {
    const skipped: string[] = [];
    let looks = 0;
    let isOver = false;
    const activities = {
      attemptDueDeliveries: ({ now }: { now: number }): Promise<DueAttempts> => {
        looks += 1;
        const counts = { attempted: 1, delivered: 0, dead: 0 };
        return Promise.resolve(
          isOver
            ? { ...HEALTH, ...counts, stage: 'healthy', failed: 0, nextAt: null }
            : { ...HEALTH, ...counts, stage: 'retrying', failed: 1, nextAt: now + 86_400_000 },
        );
      },
      obeyOperator: ({ order }: { order: WebhookOrder }): Promise<void> => {
        if (order.kind === 'skip') skipped.push(order.deliveryId);
        return Promise.resolve();
      },
    };
    await withWorker(activities, async () => {
      const input = { webhookId: WEBHOOK_ID, handle: 'some-agent', hasSearchAttributes: false };
      const workflowId = webhookFlowId(WEBHOOK_ID);
      const options = { workflowId, taskQueue: TASK_QUEUE, args: [input] as Parameters<typeof webhookFlow> };
      const started = await client.workflow.start<typeof webhookFlow>('webhook', options);
      // By its id, not by its run: signals reach whichever run there is.
      const flow = client.workflow.getHandle<typeof webhookFlow>(workflowId);
      const orders: string[] = [];
      for (let sent = 0; sent < SIGNALS; sent += AT_ONCE) {
        const deliveryId = `whd_${sent}`;
        orders.push(deliveryId);
        await Promise.all([
          flow.signal(skipSignal, { deliveryId }),
          ...Array.from({ length: AT_ONCE - 1 }, () => flow.signal(attemptFailedSignal, { dueAt: 0 })),
        ]);
      }
      // Only a step ends a run, and none that did not see all signals: the order that wakes it goes over with it.
      await waitFor(
        async () => {
          const deliveryId = `whd_late_${orders.length}`;
          orders.push(deliveryId);
          await flow.signal(skipSignal, { deliveryId });
          return (await flow.describe()).runId !== started.firstExecutionRunId;
        },
        { intervalMs: 500 },
      );
      isOver = true;
      await flow.signal(attemptFailedSignal, { dueAt: 0 });
      expect(await flow.result()).toMatchObject({ stage: 'healthy', attempted: looks });
      expect(skipped).toEqual(orders);
    });
  });
});
