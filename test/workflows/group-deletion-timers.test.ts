import type { GroupDeletionActivities, NoticeOutcome } from '../../activities/group-deletion';
import type { groupDeletion } from '../../workflows/group-deletion';
import { groupProgressQuery } from '../../workflows/messages/group-deletion';
import { waitFor } from '../support/wait';
import { useSkippedTime } from '../support/skipped-time';

describe('the attempts of a group deletion', () => {
  const time = useSkippedTime();
  let flows = 0;
  /** When each member was tried, by the server's skipped time. */
  let tries: Map<string, number[]>;
  let outcome: (agentId: string, attempt: number) => NoticeOutcome | 'throw';
  let finished: { done: number; paused: number; dead: string[] } | null = null;
  const members = Array.from({ length: 70 }, (_, index) => `agt_${index}`);

  /** Typed stand-ins: the sockets and the store are tested with the real ones in test/api and test/faults. */
  const activities: GroupDeletionActivities = {
    loadGroupDeletion: () => Promise.resolve({ recipients: members, flushed: [...members, 'agt_deleter'] }),
    tellMembers: async ({ agentIds }) => {
      const atMs = await time.nowMs();
      const told = agentIds.map((agentId) => {
        const made = [...(tries.get(agentId) ?? []), atMs];
        tries.set(agentId, made);
        return { agentId, outcome: outcome(agentId, made.length) };
      });
      if (told.some((one) => one.outcome === 'throw')) throw new Error('the worker has a bad day');
      return told.flatMap((one) => (one.outcome === 'throw' ? [] : [{ ...one, outcome: one.outcome }]));
    },
    flushMembers: () => Promise.resolve(),
    finishGroupDeletion: ({ done, paused, dead }) => {
      finished = { done, paused, dead };
      return Promise.resolve();
    },
  };

  beforeEach(() => {
    tries = new Map();
    finished = null;
  });

  async function run<T>(body: (handle: Awaited<ReturnType<typeof start>>) => Promise<T>): Promise<T> {
    return time.withWorker(activities, async () => body(await start()));
  }
  function start() {
    flows += 1;
    return time.start<typeof groupDeletion>('groupDeletion', `group-deletion:test-${flows}`, [
      { groupId: `grp_test${flows}`, hasSearchAttributes: false },
    ]);
  }

  test('groups#G9, groups#G20: one member that fails delays nobody; the flow tells how far it is', async () => {
    outcome = (agentId, attempt) => (agentId === 'agt_5' && attempt < 3 ? 'failed' : 'done');
    await run(async (handle) => {
      const early = await waitFor(async () => {
        const progress = await handle.query(groupProgressQuery);
        return progress.done === 69 ? progress : null;
      });
      expect(early).toMatchObject({ recipients: 70, retrying: 1, dead: 0, stage: 'retrying' });
      expect(early.unfinishedSince).not.toBeNull();
      const end = await handle.result();
      expect(end).toMatchObject({
        stage: 'finished',
        done: 70,
        retrying: 0,
        dead: 0,
        flushed: 71,
        unfinishedSince: null,
      });
    });
    expect(tries.get('agt_5')).toHaveLength(3);
    expect([...tries].filter(([, made]) => made.length > 1).map(([agentId]) => agentId)).toEqual(['agt_5']);
  });

  test('groups#G16: six attempts, 5 s to 30 minutes apart, are made before a member is given up', async () => {
    outcome = (agentId) => (agentId === 'agt_7' ? 'failed' : agentId === 'agt_8' ? 'paused' : 'done');
    await run(async (handle) => {
      const end = await handle.result();
      expect(end).toMatchObject({ stage: 'finished', done: 69, paused: 1, dead: 1 });
    });
    expect(finished).toEqual({ done: 69, paused: 1, dead: ['agt_7'] });
    const made = tries.get('agt_7') ?? [];
    expect(made).toHaveLength(6);
    const waits = made.slice(1).map((atMs, index) => atMs - (made[index] ?? 0));
    [5_000, 30_000, 120_000, 600_000, 1_800_000].forEach((wait, index) => {
      expect(waits[index]).toBeGreaterThanOrEqual(wait * 0.8);
      // What the machine itself takes comes on top.
      expect(waits[index]).toBeLessThan(wait * 1.2 + 60_000);
    });
  });

  test('an activity that fails as a whole counts as one attempt of each of its members', async () => {
    let calls = 0;
    outcome = () => {
      calls += 1;
      return calls === 1 ? 'throw' : 'done';
    };
    await run(async (handle) => {
      expect(await handle.result()).toMatchObject({ done: 70, dead: 0 });
    });
    expect(Math.max(...[...tries.values()].map((made) => made.length))).toBe(2);
  });
});
