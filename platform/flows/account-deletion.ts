import { TypedSearchAttributes } from '@temporalio/common';
import { accountDeletionId } from '../../workflows/messages/account-deletion';
import { AGENT_HANDLE } from '../../workflows/messages/search-attributes';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import type { FlowClient } from './flow-client';

/** The client's side of the flows about whole accounts. */
export interface AccountFlows {
  /** Starts the background part of a deletion, or finds it started. @throws the client's error, start then unknown */
  startAccountDeletion(agentId: string, handle: string): Promise<void>;
}

export function createAccountFlows(flows: FlowClient): AccountFlows {
  return {
    startAccountDeletion: (agentId, handle) =>
      flows.startOnce('accountDeletion', {
        workflowId: accountDeletionId(agentId),
        taskQueue: TASK_QUEUES.accounts,
        args: [{ agentId, handle, hasSearchAttributes: true }],
        staticSummary: `Deletion of @${handle}`,
        typedSearchAttributes: new TypedSearchAttributes([{ key: AGENT_HANDLE, value: handle }]),
      }),
  };
}
