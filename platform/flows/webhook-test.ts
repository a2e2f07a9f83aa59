import type { WebhookTestResult } from '../../domain/webhook-samples';
import type { FlowTypes } from '../../workflows/messages/flows';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import { WEBHOOK_TEST_MS_MAX, webhookTestId } from '../../workflows/messages/webhook-test';
import { unavailable, type FlowClient } from './flow-client';

/** The client's side of tests of endpoints. */
export interface WebhookTestFlows {
  /**
   * Has a worker make the test that stands in the outbox, and waits for how it ends.
   * @param testId fresh: a test is one request
   * @throws AppError SERVICE_UNAVAILABLE when nobody knows how it ended, or no worker took it
   */
  tryEndpoint(testId: string, handle: string): Promise<WebhookTestResult>;
}

export function createWebhookTestFlows(flows: FlowClient): WebhookTestFlows {
  return {
    tryEndpoint: async (testId, handle) => {
      await flows.assertReady();
      const run = (): Promise<WebhookTestResult> =>
        flows.client.workflow.execute<FlowTypes['webhookTest']>('webhookTest', {
          workflowId: webhookTestId(testId),
          taskQueue: TASK_QUEUES.delivery,
          args: [{ testId }],
          workflowExecutionTimeout: WEBHOOK_TEST_MS_MAX,
          staticSummary: `Test of a webhook of @${handle}`,
        });
      return flows.within(WEBHOOK_TEST_MS_MAX, run).catch((error: unknown) => {
        flows.log.warn({ event: 'webhook.test_unknown', testId, err: error });
        throw unavailable();
      });
    },
  };
}
