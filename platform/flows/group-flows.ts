import { TypedSearchAttributes } from '@temporalio/common';
import type { groupDeletion } from '../../workflows';
import { GROUP_ID, groupDeletionId, TASK_QUEUES } from '../../workflows/ids';
import type { FlowClient } from './flow-client';

/** The client's side of the flows about groups. */
export interface GroupFlows {
  /** Starts the flow that tells the members of a deleted group, or finds it started. @throws when it cannot be reached */
  startGroupDeletion(groupId: string): Promise<void>;
}

export function createGroupFlows(flows: FlowClient): GroupFlows {
  return {
    startGroupDeletion: async (groupId) => {
      await flows.assertReady();
      await flows.startOnce<typeof groupDeletion>('groupDeletion', {
        workflowId: groupDeletionId(groupId),
        taskQueue: TASK_QUEUES.delivery,
        args: [{ groupId, hasSearchAttributes: true }],
        typedSearchAttributes: new TypedSearchAttributes([{ key: GROUP_ID, value: groupId }]),
        staticSummary: `Deletion of ${groupId}`,
      });
    },
  };
}
