import { FLOW_ACCEPT_MS } from '../../contract/limits';
import type { FlowTypes } from '../../workflows/messages/flows';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import { attemptFailedSignal, webhookFlowId } from '../../workflows/messages/webhook';
import type { FlowClient } from './flow-client';

/** The client's side of the flow of failing webhooks. */
export interface WebhookFlows {
  /**
   * Has the webhook's flow attempt by `dueAt` what failed, starting the flow when it does not run. May be repeated.
   * @param how a sweep starts it only where none runs: one that runs knows when to look
   * @throws FlowBehind; AppError SERVICE_UNAVAILABLE, or the client's error: whether the flow heard of it is then unknown
   */
  requestRetries(webhookId: string, handle: string, dueAt: Date, how?: { isSweep: true }): Promise<void>;
}

export function createWebhookFlows(flows: FlowClient): WebhookFlows {
  return {
    requestRetries: async (webhookId, handle, dueAt, how) => {
      await flows.assertReady();
      if (!(await flows.isToBeTold('webhook', webhookFlowId(webhookId), how))) return;
      await flows.within(FLOW_ACCEPT_MS, () =>
        flows.client.workflow.signalWithStart<FlowTypes['webhook'], [{ dueAt: number }]>('webhook', {
          workflowId: webhookFlowId(webhookId),
          // One that runs takes the signal; one that ended found the endpoint healthy and starts anew.
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          taskQueue: TASK_QUEUES.delivery,
          args: [{ webhookId, handle, hasSearchAttributes: true }],
          signal: attemptFailedSignal,
          signalArgs: [{ dueAt: dueAt.getTime() }],
          staticSummary: `Webhook of @${handle} in trouble`,
        }),
      );
    },
  };
}
