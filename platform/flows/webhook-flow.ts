import { FLOW_ACCEPT_MS } from '../../contract/limits';
import type { webhook } from '../../workflows';
import { TASK_QUEUES, webhookFlowId } from '../../workflows/ids';
import { attemptFailedSignal } from '../../workflows/messages';
import type { FlowClient } from './flow-client';

/** The client's side of the flow of webhooks in trouble. */
export interface WebhookFlows {
  /**
   * Makes the webhook's flow look at it by `dueAt`, starting the flow when it does not run. May be repeated.
   * @throws AppError SERVICE_UNAVAILABLE, or the client's error: whether the flow heard of it is then unknown
   */
  tellOfTrouble(webhookId: string, handle: string, dueAt: Date): Promise<void>;
}

export function createWebhookFlows(flows: FlowClient): WebhookFlows {
  return {
    tellOfTrouble: async (webhookId, handle, dueAt) => {
      await flows.assertReady();
      await flows.within(FLOW_ACCEPT_MS, () =>
        flows.client.workflow.signalWithStart<typeof webhook, [{ dueAt: number }]>('webhook', {
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
