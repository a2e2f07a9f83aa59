import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import { recoveryFlowId, type WebhookRecoveryInput } from '../../workflows/messages/webhook-recovery';
import type { FlowClient } from './flow-client';

/** The client's side of the flow that sends an endpoint what it missed. */
export interface RecoveryFlows {
  /**
   * Starts the flow of a recovery. May be repeated: one that runs, or ran, is success.
   * @throws AppError SERVICE_UNAVAILABLE, or the client's error: whether the flow was started is then unknown
   */
  startWebhookRecovery(jobId: string, input: Omit<WebhookRecoveryInput, 'hasSearchAttributes'>): Promise<void>;
}

export function createRecoveryFlows(flows: FlowClient): RecoveryFlows {
  return {
    startWebhookRecovery: async (jobId, input) => {
      await flows.assertReady();
      await flows.startOnce('webhookRecovery', {
        workflowId: recoveryFlowId(jobId),
        taskQueue: TASK_QUEUES.delivery,
        args: [{ ...input, hasSearchAttributes: true }],
        staticSummary: `What an endpoint of @${input.handle} missed`,
      });
    },
  };
}
