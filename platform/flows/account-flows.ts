import { TypedSearchAttributes } from '@temporalio/common';
import { accountDeletionId, AGENT_HANDLE, TASK_QUEUES } from '../../workflows/ids';
import type { accountDeletion } from '../../workflows';
import type { FlowClient } from './flow-client';

/** The client's side of the flows about whole accounts. */
export interface AccountFlows {
  /** Starts the background part of a deletion, or finds it started. @throws the client's error, start then unknown */
  startAccountDeletion(agentId: string, handle: string): Promise<void>;
}

export function createAccountFlows(flows: FlowClient): AccountFlows {
  return {
    startAccountDeletion: (agentId, handle) =>
      flows.startOnce<typeof accountDeletion>('accountDeletion', {
        workflowId: accountDeletionId(agentId),
        taskQueue: TASK_QUEUES.accounts,
        args: [{ agentId, handle, hasSearchAttributes: true }],
        staticSummary: `Deletion of @${handle}`,
        typedSearchAttributes: new TypedSearchAttributes([{ key: AGENT_HANDLE, value: handle }]),
      }),
  };
}
