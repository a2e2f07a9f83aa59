import type { HousekeepingActivities } from '../../activities/housekeeping';
import type { housekeeping } from '../../workflows/housekeeping';
import { useSkippedTime } from '../support/skipped-time';

/** Typed stand-ins for the sweeps themselves, which test/store and test/api prove on real data. */
describe('the flow of a sweep', () => {
  let flows = 0;

  const time = useSkippedTime();

  async function run(sweep: HousekeepingActivities['sweep']) {
    return time.withWorker({ sweep } satisfies HousekeepingActivities, async () => {
      const workflowId = `housekeeping:test-${(flows += 1)}`;
      const flow = await time.start<typeof housekeeping>('housekeeping', workflowId, [{ task: 'undelivered' }]);
      const result = await flow.result();
      const { workflowExecutionInfo } = await time.client.workflow
        .getHandle(workflowId)
        .describe()
        .then(({ raw }) => raw);
      return { result, firstRunId: flow.firstExecutionRunId, lastRunId: workflowExecutionInfo?.execution?.runId };
    });
  }

  test('a sweep of any length goes on part by part over small histories, and leaves nothing out', async () => {
    const seen: (string | null)[] = [];
    const { result, firstRunId, lastRunId } = await run(({ cursor }) => {
      seen.push(cursor);
      const next = seen.length;
      return Promise.resolve({ cursor: next === 230 ? null : `part ${next}`, changed: 2 });
    });
    expect(result).toEqual({ task: 'undelivered', changed: 460 });
    expect(seen).toEqual([null, ...Array.from({ length: 229 }, (_, index) => `part ${index + 1}`)]);
    expect(lastRunId).not.toBe(firstRunId);
  });

  test('a sweep outlasts a store that is away for hours: each part is tried until it answers', async () => {
    const triedAtMs: number[] = [];
    const given: number[] = [];
    const { result } = await run(async ({ now }) => {
      triedAtMs.push(await time.nowMs());
      given.push(now);
      if (triedAtMs.length < 30) throw new Error('the store does not answer');
      return { cursor: null, changed: 1 };
    });
    expect(result).toEqual({ task: 'undelivered', changed: 1 });
    const waits = triedAtMs.slice(1).map((atMs, index) => atMs - (triedAtMs[index] ?? 0));
    expect(waits.at(-1)).toBeGreaterThanOrEqual(290_000);
    // What the machine itself takes comes on top.
    expect(Math.max(...waits)).toBeLessThan(360_000);
    expect((triedAtMs.at(-1) ?? 0) - (triedAtMs[0] ?? 0)).toBeGreaterThan(7_200_000);
    // The rules judge by one time, whatever a part's tries take.
    expect(new Set(given).size).toBe(1);
  });
});
