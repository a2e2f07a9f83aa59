import { TypedSearchAttributes } from '@temporalio/common';
import { groupDeletionId } from '../../workflows/messages/group-deletion';
import { GROUP_ID } from '../../workflows/messages/search-attributes';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import type { FlowClient } from './flow-client';

/** The client's side of the flows about groups. */
export interface GroupFlows {
  /** Starts the flow that notifies the members of a deleted group, or finds it started. @throws when it cannot be reached */
  startGroupDeletion(groupId: string): Promise<void>;
}

export function createGroupFlows(flows: FlowClient): GroupFlows {
  return {
    startGroupDeletion: async (groupId) => {
      await flows.assertReady();
      await flows.startOnce('groupDeletion', {
        workflowId: groupDeletionId(groupId),
        taskQueue: TASK_QUEUES.delivery,
        args: [{ groupId, hasSearchAttributes: true }],
        typedSearchAttributes: new TypedSearchAttributes([{ key: GROUP_ID, value: groupId }]),
        staticSummary: `Deletion of ${groupId}`,
      });
    },
  };
}
