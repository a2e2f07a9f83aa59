import { ScheduleOverlapPolicy } from '@temporalio/client';
import type { HousekeepingActivities } from '../../activities/housekeeping';
import { housekeepingScheduleId } from '../../workflows/messages/housekeeping';
import type { housekeeping } from '../../workflows/housekeeping';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** Records what a sweep's flow does; run by `npm run histories`. */
describe('a sweep of real processes', () => {
  const { stack, client } = useStack();

  test('housekeeping: done', async () => {
    const schedule = client.schedule.getHandle(housekeepingScheduleId('blobs'));
    await schedule.trigger(ScheduleOverlapPolicy.BUFFER_ALL);
    const run = await waitFor(async () => (await schedule.describe()).info.recentActions.at(-1), {
      describe: 'a run of the schedule',
    });
    const { workflowId } = run.action.workflow;
    await client.workflow.getHandle(workflowId).result();
    await saveHistory({ address: stack.temporalAddress, namespace: stack.namespace }, workflowId, 'housekeeping/done');
  });
});

describe('sweeps that take long', () => {
  const time = useSkippedTime();

  /** Of `parts` parts, the first of which fails at first. */
  async function record(parts: number, behaviour: string): Promise<void> {
    let calls = 0;
    const activities: HousekeepingActivities = {
      sweep: ({ cursor }) => {
        calls += 1;
        if (calls === 1) return Promise.reject(new Error('the store does not answer'));
        const part = Number(cursor ?? 0) + 1;
        return Promise.resolve({ cursor: part === parts ? null : String(part), changed: 1 });
      },
    };
    await time.withWorker(activities, async () => {
      const flow = await time.start<typeof housekeeping>('housekeeping', `housekeeping:${behaviour}`, [
        { task: 'retention' },
      ]);
      expect(await flow.result()).toEqual({ task: 'retention', changed: parts });
      await saveHistory(time.server, flow.workflowId, `housekeeping/${behaviour}`);
    });
  }

  test('housekeeping: in parts, with one that had to be tried again', () => record(4, 'in-parts'));

  test('housekeeping: continued from an earlier run', () => record(103, 'continued'));
});
