import { ApplicationFailure } from '@temporalio/activity';
import { createEnforcementActivities, type EnforcementActivities } from '../../activities/enforcement';
import type { EnforcementTrigger } from '../../domain/enforcement';
import type { Order } from '../../platform/bus';
import { createLogger } from '../../platform/logger';
import { createMetrics, type Metrics } from '../../platform/metrics';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { removeBlock } from '../../store/contacts/relations';
import { enforcementId, enforcementQuery, evaluateSignal } from '../../workflows/messages/enforcement';
import type { enforcement } from '../../workflows/enforcement';
import { createSubject, DAY_MS, HOUR_MS, type Subject } from '../support/community';
import { useDatabase } from '../support/database';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';

/** Real activities on a real store; the time is the Temporal server's. Orders to sockets are another concern. */
describe('the flow that restricts and lifts', () => {
  let orders: Order[] = [];
  let failures = 0;
  let metrics: Metrics;

  const time = useSkippedTime();
  const database = useDatabase();
  beforeEach(() => {
    orders = [];
    failures = 0;
    metrics = createMetrics();
  });

  function activities(): EnforcementActivities {
    const real = createEnforcementActivities({
      database,
      metrics,
      log: createLogger('test', 'silent'),
      orders: {
        give: (order) => {
          if ((failures -= 1) >= 0) return Promise.reject(new Error('no node answers'));
          orders.push(order);
          return Promise.resolve(true);
        },
      },
    });
    return real;
  }

  /** As `askForEvaluation` does it, without search attributes. */
  const ask = (subject: Subject) =>
    time.client.workflow.signalWithStart<typeof enforcement, [{ trigger: EnforcementTrigger }]>('enforcement', {
      workflowId: enforcementId(subject.agentId),
      taskQueue: 'skipped-time',
      args: [{ agentId: subject.agentId, handle: subject.target.agent.handle, hasSearchAttributes: false }],
      signal: evaluateSignal,
      signalArgs: [{ trigger: 'block' }],
    });
  const flowOf = (subject: Subject) =>
    time.client.workflow.getHandle<typeof enforcement>(enforcementId(subject.agentId));
  const evaluations = async (subject: Subject): Promise<number> => {
    const { events } = await flowOf(subject).fetchHistory();
    const scheduled = events?.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name) ?? [];
    return scheduled.filter((name) => name === 'evaluate').length;
  };
  const untilSeen = (subject: Subject, status: string) =>
    waitFor(async () => {
      const view = await flowOf(subject).query(enforcementQuery);
      return view?.status === status ? view : null;
    });
  const at = async (ms = 0): Promise<Date> => new Date((await time.nowMs()) + ms);

  test('social#G8, social#G17, social#17: a restriction lifts at its exact moment, after one wait', async () => {
    const subject = await createSubject(database);
    const first = await at();
    await subject.blockedBy(await subject.witnesses(15), (index) => new Date(first.getTime() + index));
    await time.withWorker(activities(), async () => {
      await ask(subject);
      const view = await untilSeen(subject, 'restricted');
      expect(view.nextEvaluationAt).toBe(first.getTime() + DAY_MS + 1);
      await time.skip(first.getTime() + DAY_MS - (await time.nowMs()) - 1_000);
      expect(await subject.status()).toBe('restricted');
      expect(await flowOf(subject).result()).toMatchObject({
        status: 'active',
        trigger: 'timer',
        nextEvaluationAt: null,
      });
      const [, lifted] = await subject.transitions();
      expect(lifted).toMatchObject({ from: 'restricted', to: 'active', trigger: 'timer' });
      const lateMs = (lifted?.at.getTime() ?? 0) - (first.getTime() + DAY_MS);
      expect(lateMs).toBeGreaterThan(0);
      expect(lateMs).toBeLessThan(60_000);
      expect(await evaluations(subject)).toBe(2);
      expect((await subject.transitions()).every(({ settledAt }) => settledAt !== null)).toBe(true);
    });
  });

  test('social#G8: a block that comes meanwhile pushes the lift out', async () => {
    const subject = await createSubject(database);
    const first = await at();
    await subject.blockedBy(await subject.witnesses(15), first);
    await time.withWorker(activities(), async () => {
      await ask(subject);
      await untilSeen(subject, 'restricted');
      await time.skip(12 * HOUR_MS);
      const second = await at();
      await subject.blockedBy(await subject.witnesses(15), second);
      await ask(subject);
      await waitFor(
        async () => (await flowOf(subject).query(enforcementQuery))?.nextEvaluationAt === second.getTime() + DAY_MS + 1,
      );
      await time.skip(13 * HOUR_MS);
      expect(await subject.status()).toBe('restricted');
      expect(await flowOf(subject).result()).toMatchObject({ status: 'active' });
      expect((await subject.transitions()).map(({ to }) => to)).toEqual(['restricted', 'active']);
    });
  });

  test('social#G9: an unblock lifts at once, and the flow ends', async () => {
    const subject = await createSubject(database);
    const witnesses = await subject.witnesses(15);
    await subject.blockedBy(witnesses, await at());
    await time.withWorker(activities(), async () => {
      await ask(subject);
      await untilSeen(subject, 'restricted');
      await removeBlock(database, { from: witnesses[3] ?? '', to: subject.agentId, at: await at() });
      await ask(subject);
      expect(await flowOf(subject).result()).toMatchObject({ status: 'active' });
      // Not the timer: it was the signal.
      expect((await subject.transitions()).map(({ trigger }) => trigger)).toEqual(['block', 'block']);
    });
  });

  test('social#G15, social#24: a deletion ends the wait', async () => {
    const subject = await createSubject(database);
    await subject.blockedBy(await subject.witnesses(15), await at());
    await time.withWorker(activities(), async () => {
      await ask(subject);
      await untilSeen(subject, 'restricted');
      await deleteAgent(database, subject.agentId, await at());
      await ask(subject);
      expect(await flowOf(subject).result()).toMatchObject({ status: 'deleted', nextEvaluationAt: null });
      expect(await subject.transitions()).toHaveLength(1);
    });
  });

  test('social#G7: what a suspension demands is repeated until it is done, once per transition', async () => {
    const subject = await createSubject(database);
    await subject.reportedBy(await subject.witnesses(10), await at());
    failures = 4;
    await time.withWorker(activities(), async () => {
      await ask(subject);
      expect(await flowOf(subject).result()).toMatchObject({ status: 'suspended', nextEvaluationAt: null });
      for (let repeat = 0; repeat < 3; repeat += 1) {
        await ask(subject);
        await flowOf(subject).result();
      }
    });
    expect(orders).toEqual([{ kind: 'close', agentId: subject.agentId, code: 1008, reason: 'Account suspended' }]);
    expect(await subject.transitions()).toHaveLength(1);
    expect((await metrics.enforcementTransitions.get()).values).toEqual([
      { labels: { from: 'active', to: 'suspended', source: 'community' }, value: 1 },
    ]);
    expect(
      await database.auditEvents.countDocuments({ targetId: subject.agentId, action: 'agent.status_changed' }),
    ).toBe(1);
  });

  test('social#G7: a transition whose agent was reinstated meanwhile closes nothing any more', async () => {
    const subject = await createSubject(database);
    await subject.reportedBy(await subject.witnesses(10), await at());
    await subject.evaluate(await at());
    await database.agents.updateOne({ _id: subject.agentId }, { $set: { status: 'active' } });
    await createEnforcementActivities({
      database,
      metrics,
      log: createLogger('test', 'silent'),
      orders: { give: (order) => Promise.resolve(orders.push(order) > 0) },
    }).settleTransition({ agentId: subject.agentId, number: 1 });
    expect(orders).toEqual([]);
    expect((await subject.transitions())[0]?.settledAt).not.toBeNull();
  });

  test('social#G12: while rows cannot be read the state stands; the flow tries on and decides then', async () => {
    const subject = await createSubject(database);
    await subject.blockedBy(await subject.witnesses(15), await at());
    const real = activities();
    let isDown = true;
    let tries = 0;
    const flaky: EnforcementActivities = {
      ...real,
      evaluate: async (input) => {
        tries += 1;
        if (isDown) throw ApplicationFailure.retryable('the database is out of reach', 'SERVICE_UNAVAILABLE');
        return real.evaluate(input);
      },
    };
    await time.withWorker(flaky, async () => {
      await ask(subject);
      await time.skip(HOUR_MS / 6);
      expect(await subject.status()).toBe('active');
      isDown = false;
      await time.skip(HOUR_MS / 60);
      await untilSeen(subject, 'restricted');
      await time.skip(2 * DAY_MS);
      expect(await subject.status()).toBe('active');
    });
    expect(tries).toBeGreaterThan(20);
  });
});
