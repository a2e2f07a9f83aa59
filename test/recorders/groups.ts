import type { GroupDeletionActivities } from '../../activities/group-deletion';
import { groupDeletionId } from '../../workflows/messages/group-deletion';
import type { groupDeletion } from '../../workflows/group-deletion';
import { groupCalls } from '../support/groups';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** Records what the flow of a group's deletion does; run by `npm run histories`. */
describe('histories of real processes', () => {
  const { stack, database, client } = useStack();

  test('group-deletion: done', async () => {
    const api = groupCalls(stack, database);
    const [creator, ...members] = await api.three();
    const groupId = await api.groupOf(creator, ...members);
    await api.deleteGroup(creator, groupId);
    const flow = client.workflow.getHandle(groupDeletionId(groupId));
    await waitFor(() => flow.describe());
    await flow.result();
    const from = { address: stack.temporalAddress, namespace: stack.namespace };
    await saveHistory(from, flow.workflowId, 'group-deletion/done');
  });
});

describe('histories of retries', () => {
  const time = useSkippedTime();

  test('group-deletion: told late, given up, an attempt that failed as a whole', async () => {
    const members = ['agt_late', 'agt_dead', 'agt_told'];
    let attempts = 0;
    const activities: GroupDeletionActivities = {
      loadGroupDeletion: () => Promise.resolve({ recipients: members, flushed: members }),
      tellMembers: ({ agentIds }) => {
        attempts += 1;
        if (attempts === 1) return Promise.reject(new Error('the worker has a bad day'));
        const failed = (agentId: string) => agentId === 'agt_dead' || (agentId === 'agt_late' && attempts < 8);
        return Promise.resolve(
          agentIds.map((agentId) => ({ agentId, outcome: failed(agentId) ? ('failed' as const) : ('done' as const) })),
        );
      },
      flushMembers: () => Promise.resolve(),
      finishGroupDeletion: () => Promise.resolve(),
    };
    await time.withWorker(activities, async () => {
      const input = { groupId: 'grp_retries', hasSearchAttributes: false };
      const flow = await time.start<typeof groupDeletion>('groupDeletion', groupDeletionId(input.groupId), [input]);
      expect(await flow.result()).toMatchObject({ done: 2, dead: 1 });
      const from = time.server;
      await saveHistory(from, flow.workflowId, 'group-deletion/given-up');
    });
  });
});
