import type { RecoveryActivities } from '../../activities/webhook-recovery';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { recoveryFlowId } from '../../workflows/messages/webhook-recovery';
import type { webhookRecovery } from '../../workflows/webhook-recovery';

type Step = Awaited<ReturnType<RecoveryActivities['recoverDeliveries']>>;

/** Records what the flow of a recovery does; run by `npm run histories`. */
describe('histories of recoveries', () => {
  const time = useSkippedTime();

  /** Runs one flow with scripted steps and saves its history. */
  async function record(behaviour: string, stages: Step['stage'][]): Promise<void> {
    let count = 0;
    const activities: RecoveryActivities = {
      recoverDeliveries: ({ since }) => {
        const stage = stages[count] ?? 'done';
        count += 1;
        const made = stage === 'waiting' ? 0 : 50;
        return Promise.resolve({
          stage,
          made,
          cursor: { logAtMs: since + count, logId: '', position: count, upTo: 9 },
        });
      },
    };
    await time.withWorker(activities, async () => {
      const window = { since: 1_700_000_000_000, until: 1_700_000_100_000, status: null, matched: 120 };
      const of = { webhookId: `whk_${behaviour}`, handle: 'some-agent', hasSearchAttributes: false };
      const flow = await time.start<typeof webhookRecovery>('webhookRecovery', recoveryFlowId(behaviour), [
        { ...of, ...window },
      ]);
      await flow.result();
      await saveHistory(time.server, flow.workflowId, `webhook-recovery/${behaviour}`);
    });
  }

  test('webhook-recovery: an endpoint that takes its time', () =>
    record('done', ['recovering', 'waiting', 'waiting', 'recovering', 'waiting', 'done']));

  test('webhook-recovery: a webhook that becomes inactive', () => record('inactive', ['recovering', 'inactive']));
});
