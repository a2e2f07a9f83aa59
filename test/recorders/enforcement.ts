import type { EnforcementActivities } from '../../activities/enforcement';
import type { EnforcementTrigger } from '../../domain/enforcement';
import { removeBlock } from '../../store/contacts/relations';
import {
  enforcementId,
  enforcementQuery,
  evaluateSignal,
  type EnforcementCount,
} from '../../workflows/messages/enforcement';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import type { enforcement } from '../../workflows/enforcement';
import { createSubject, DAY_MS, type Subject } from '../support/community';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** Records what the enforcement flow does; run by `npm run histories`. */
describe('enforcement on real processes', () => {
  const { stack, database, client: temporal } = useStack();

  const ask = ({ agentId, target }: Subject, trigger: EnforcementTrigger) =>
    temporal.workflow.signalWithStart<typeof enforcement, [{ trigger: EnforcementTrigger }]>('enforcement', {
      workflowId: enforcementId(agentId),
      taskQueue: TASK_QUEUES.accounts,
      args: [{ agentId, handle: target.agent.handle, hasSearchAttributes: true }],
      signal: evaluateSignal,
      signalArgs: [{ trigger }],
    });
  async function save({ agentId }: Subject, behaviour: string): Promise<void> {
    await temporal.workflow.getHandle(enforcementId(agentId)).result();
    const from = { address: stack.temporalAddress, namespace: stack.namespace };
    await saveHistory(from, enforcementId(agentId), `enforcement/${behaviour}`);
  }

  test('nothing to do, suspended, lifted by an unblock', async () => {
    const quiet = await createSubject(database);
    await quiet.blockedBy(await quiet.witnesses(1), new Date());
    await ask(quiet, 'block');
    await save(quiet, 'nothing-to-do');

    const reported = await createSubject(database);
    await reported.reportedBy(await reported.witnesses(10), new Date());
    await ask(reported, 'report');
    await save(reported, 'suspended');

    const blocked = await createSubject(database);
    const witnesses = await blocked.witnesses(15);
    await blocked.blockedBy(witnesses, new Date());
    const flow = await ask(blocked, 'block');
    await waitFor(async () => (await flow.query(enforcementQuery))?.status === 'restricted');
    await removeBlock(database, { from: witnesses[0] ?? '', to: blocked.agentId, at: new Date() });
    await ask(blocked, 'unblock');
    await save(blocked, 'lifted-by-unblock');
  });
});

describe('enforcement by the clock', () => {
  const time = useSkippedTime();

  const count = (status: 'active' | 'restricted', nextEvaluationAt: number | null): EnforcementCount => ({
    status,
    source: 'community',
    isSticky: false,
    counts: { blocksInDay: 15, blocksInWeek: 15, reportsInWeek: 0 },
    nextEvaluationAt,
    unsettled: nextEvaluationAt === null ? [2] : [1],
  });

  test('lifted by the timer', async () => {
    const activities: EnforcementActivities = {
      evaluate: ({ trigger, now }) =>
        Promise.resolve(trigger === 'timer' ? count('active', null) : count('restricted', now + DAY_MS)),
      settleTransition: () => Promise.resolve(),
    };
    await time.withWorker(activities, async () => {
      const input = { agentId: 'agt_timer', handle: 'timer-agent', hasSearchAttributes: false };
      const flow = await time.start<typeof enforcement>('enforcement', enforcementId(input.agentId), [input]);
      await flow.result();
      const from = time.server;
      await saveHistory(from, flow.workflowId, 'enforcement/lifted-by-timer');
    });
  });
});
