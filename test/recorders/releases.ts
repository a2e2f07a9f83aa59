import type { ReleaseActivities } from '../../activities/inbox-release';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import {
  endedSignal,
  releasedSignal,
  releaseId,
  releaseProgressQuery,
  repausedSignal,
} from '../../workflows/messages/inbox-release';
import type { inboxRelease } from '../../workflows/inbox-release';

type Look = Awaited<ReturnType<ReleaseActivities['lookAtRelease']>>;

/** Records what the flow of a release does; run by `npm run histories`. */
describe('histories of releases', () => {
  const time = useSkippedTime();

  const done: Look = { stage: 'done', epoch: 2, openSockets: 1, socketsBehind: 0, remaining: 0, parked: 0 };
  const releasing: Look = { ...done, stage: 'releasing', socketsBehind: 1, remaining: 40 };

  /** Runs one flow with scripted looks and saves its history. */
  async function record(
    behaviour: string,
    look: (count: number) => Look,
    body: (flow: Awaited<ReturnType<typeof start>>) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    let looks = 0;
    const activities: ReleaseActivities = {
      orderPumps: () => Promise.resolve(),
      tellWebhooks: () => Promise.resolve({ told: 1, isMore: false }),
      lookAtRelease: () => Promise.resolve(look((looks += 1))),
    };
    await time.withWorker(activities, async () => {
      const flow = await start(behaviour);
      await body(flow);
      await flow.result();
      const from = time.server;
      await saveHistory(from, flow.workflowId, `inbox-release/${behaviour}`);
    });
  }
  const start = (behaviour: string) =>
    time.start<typeof inboxRelease>('inboxRelease', releaseId(`agt_${behaviour}`), [
      { agentId: `agt_${behaviour}`, handle: 'some-agent', epoch: 2, hasSearchAttributes: false },
    ]);

  test('inbox-release: sockets that take their time', () => record('done', (count) => (count < 7 ? releasing : done)));

  test('inbox-release: no socket, nothing to wait for', () => record('no-socket', () => ({ ...done, openSockets: 0 })));

  test('inbox-release: paused, released again and ended by its owner and the account', () =>
    record(
      'taken-over',
      () => releasing,
      async (flow) => {
        await waitFor(() => flow.query(releaseProgressQuery));
        await flow.signal(releasedSignal, { epoch: 4 });
        await flow.signal(repausedSignal, { epoch: 3 });
        await flow.signal(endedSignal);
      },
    ));

  test('inbox-release: another pause', () =>
    record(
      'repaused',
      () => releasing,
      async (flow) => {
        await waitFor(() => flow.query(releaseProgressQuery));
        await flow.signal(repausedSignal, { epoch: 3 });
      },
    ));
});
