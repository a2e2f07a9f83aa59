import type { TurnActivities } from '../../activities/turn';
import type { turn as turnFlow } from '../../workflows/turn';
import { turnId, turnQuery, type TurnView } from '../../workflows/messages/turn';
import { traceOf } from '../support/flow-traces';
import { signInUser, startEcho } from '../support/gateway';
import { claim } from '../support/owners';
import { SdkAgent } from '../support/sdk';
import { useSkippedTime } from '../support/skipped-time';
import { useTurnRig, type RigTurn } from '../support/turn-rig';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** How long a flow takes at most to see what it was not told of. */
const POLL_MS = 60_000;
const textOf = (text: string): string => JSON.stringify({ text });

/** Real activities on a real store; the time is the Temporal server's. */
describe('the timers of a turn', () => {
  const time = useSkippedTime();
  const rig = useTurnRig(time);

  const run = <T>(body: () => Promise<T>, more: Partial<TurnActivities> = {}): Promise<T> =>
    time.withWorker({ ...rig.activities, ...more }, body);
  const untilHandedOver = ({ flow }: RigTurn) => waitFor(async () => (await flow.query(turnQuery)).isHandedOver);
  /** Time passes as on any clock until it is there: nothing is skipped. */
  const untilEnded = ({ flow }: RigTurn) =>
    waitFor(async () => (await flow.describe()).status.name !== 'RUNNING', { describe: 'the end of the flow' });

  test('gateway.md §9.2: a turn that no agent took fails at its deadline with agent_offline', async () => {
    await run(async () => {
      const turn = await rig.ask('Anybody there?');
      expect(await turn.flow.result()).toEqual({ status: 'failed', isHandedOver: true });
      const stored = await rig.stored(turn);
      expect(stored).toMatchObject({ status: 'failed', startedAt: null, error: { code: 'agent_offline' } });
      const late = (stored.completedAt?.getTime() ?? 0) - stored.deadlineAt.getTime();
      expect([late >= 0, late < 10_000]).toEqual([true, true]);
    });
  });

  test('gateway.md §11: a flow that is started behind the end of its turn shows it, and has nothing to do', async () => {
    await run(async () => {
      const turn = await rig.ask('Quickly');
      await untilHandedOver(turn);
      await rig.answer(turn, 'Done', true);
      await untilEnded(turn);
      const late = await time.start<typeof turnFlow>('turn', `${turn.flow.workflowId}:late`, [await rig.inputOf(turn)]);
      expect(await late.result()).toEqual({ status: 'completed', isHandedOver: true });
      const { events = [] } = await late.fetchHistory();
      expect(events?.filter(({ activityTaskScheduledEventAttributes: asked }) => asked != null)).toEqual([]);
    });
  });

  test('gateway.md §9.2: a turn whose agent is at work until its deadline fails then, with timeout', async () => {
    await run(async () => {
      const turn = await rig.ask('Think about it');
      await untilHandedOver(turn);
      await rig.take();
      const steps = [1, 2, 3, 4];
      for (const _step of steps) {
        await time.skip(200_000);
        await rig.sign(turn);
      }
      expect(await turn.flow.result()).toEqual({ status: 'failed', isHandedOver: true });
      const { status, error, completedAt, deadlineAt } = await rig.stored(turn);
      expect([status, error?.code]).toEqual(['failed', 'timeout']);
      expect((completedAt?.getTime() ?? 0) >= deadlineAt.getTime()).toBe(true);
    });
  });

  test('gateway.md §9.2: a turn whose agent has taken it and says nothing for 300 s fails as agent_silent', async () => {
    await run(async () => {
      const turn = await rig.ask('Anybody at work?');
      await untilHandedOver(turn);
      await rig.take();
      await time.skip(60_000);
      await rig.sign(turn);
      const signedMs = await time.nowMs();
      expect(await turn.flow.result()).toEqual({ status: 'failed', isHandedOver: true });
      const { error, completedAt } = await rig.stored(turn);
      const silentMs = (completedAt?.getTime() ?? 0) - signedMs;
      expect([error?.code, silentMs >= 299_000, silentMs < 300_000 + POLL_MS + 10_000]).toEqual([
        'agent_silent',
        true,
        true,
      ]);
    });
  });

  test('gateway.md §9.2: when its caller waits no longer a turn stays open, and the next one is handed over', async () => {
    await run(async () => {
      const first = await rig.ask('first');
      await untilHandedOver(first);
      const second = await rig.ask('second', { session: first.session, waitMs: 600_000 });
      await time.skip(118_000);
      expect(await rig.handedOver(first.session)).toEqual([textOf('first')]);
      expect(await second.flow.query(turnQuery)).toEqual({ status: 'queued', isHandedOver: false });
      await time.skip(4_000);
      await waitFor(async () => (await rig.handedOver(first.session)).length === 2, { timeoutMs: 20_000 });
      expect((await rig.stored(first)).status).toBe('queued');
      await rig.answer(first, 'to the first', true);
      await rig.answer(second, 'to the second', true);
      await Promise.all([untilEnded(first), untilEnded(second)]);
      const answers = [await rig.stored(first), await rig.stored(second)].map(({ response }) => response);
      expect(answers).toEqual(['to the first', 'to the second']);
    });
  });

  test('gateway.md §9.2: a turn whose caller left while it waited holds nobody up once it is handed over', async () => {
    await run(async () => {
      const first = await rig.ask('first', { waitMs: 600_000 });
      const second = await rig.ask('second', { session: first.session, waitMs: 60_000 });
      const third = await rig.ask('third', { session: first.session, waitMs: 600_000 });
      await untilHandedOver(first);
      await time.skip(90_000);
      expect(await rig.handedOver(first.session)).toEqual([textOf('first')]);
      await rig.answer(first, 'to the first', true);
      const all = [textOf('first'), textOf('second'), textOf('third')];
      await waitFor(async () => (await rig.handedOver(first.session)).length === 3, { timeoutMs: 20_000 });
      expect(await rig.handedOver(first.session)).toEqual(all);
      for (const turn of [second, third]) await rig.answer(turn, 'done', true);
      await Promise.all([first, second, third].map(untilEnded));
    });
  });

  test('gateway.md §11: a flow that hears of the answer ends at once, with no timer in between', async () => {
    await run(async () => {
      const turn = await rig.ask('Quickly');
      await untilHandedOver(turn);
      const askedMs = await time.nowMs();
      await rig.answer(turn, 'Done', true);
      await untilEnded(turn);
      expect((await time.nowMs()) - askedMs).toBeLessThan(POLL_MS / 2);
      expect(await turn.flow.result()).toEqual({ status: 'completed', isHandedOver: true });
    });
  });

  test('gateway.md §11: a flow that was not told of the answer sees it within a minute', async () => {
    await run(async () => {
      const turn = await rig.ask('Quietly');
      await untilHandedOver(turn);
      const askedMs = await time.nowMs();
      await rig.answer(turn, 'Done', false);
      expect(await turn.flow.result()).toEqual({ status: 'completed', isHandedOver: true });
      const endedMs = (await turn.flow.describe()).closeTime?.getTime() ?? 0;
      expect(endedMs - askedMs).toBeLessThan(POLL_MS + 10_000);
      expect(await rig.stored(turn)).toMatchObject({ status: 'completed', response: 'Done', error: null });
    });
  });

  test('gateway.md §9.2: a database that is away for minutes costs a turn nothing but the time', async () => {
    let failures = 8;
    const advanceTurn: TurnActivities['advanceTurn'] = (input) =>
      (failures -= 1) >= 0 ? Promise.reject(new Error('no database')) : rig.activities.advanceTurn(input);
    await run(
      async () => {
        const turn = await rig.ask('Patience');
        await time.skip(120_000);
        await untilHandedOver(turn);
        await rig.answer(turn, 'Here', true);
        await untilEnded(turn);
        expect(await rig.stored(turn)).toMatchObject({ status: 'completed', response: 'Here' });
      },
      { advanceTurn },
    );
  });
});

/** As operators see it: the dev server, with search attributes and real processes. */
describe('the flow of a turn in the Temporal UI', () => {
  const { stack, database, client, url } = useStack();

  async function silentAgent(): Promise<SdkAgent> {
    const agent = await SdkAgent.create(database, url());
    await agent.connect();
    return agent;
  }
  const runsOf = async (query: string) => {
    const runs = [];
    for await (const run of client.workflow.list({ query })) runs.push(run);
    return runs;
  };
  const openTurnOf = async ({ handle }: SdkAgent) => {
    const query = `WorkflowType = 'turn' AND AgentHandle = '${handle}' AND ExecutionStatus = 'Running'`;
    const [run] = await waitFor(async () => {
      const runs = await runsOf(query);
      return runs.length === 0 ? null : runs;
    });
    return client.workflow.getHandle(run?.workflowId ?? '');
  };

  test('gateway.md §11: cancelling the flow cancels the turn, and its waiting caller is told', async () => {
    const [user, agent] = await Promise.all([signInUser(stack), silentAgent()]);
    await claim(user.owner, agent.account);
    const waiting = user.chat(agent, 'Never mind');
    await waitFor(() => agent.received.length === 1, { describe: 'the message' });
    const flow = await openTurnOf(agent);
    await flow.cancel();
    const { status, body } = await waiting;
    expect([status, body.code]).toEqual([409, 'TURN_CANCELLED']);
    await waitFor(async () => (await flow.describe()).status.name === 'CANCELLED', { describe: 'CANCELLED' });
    expect(flow.workflowId).toBe(turnId(body.details.execution_id));
    expect(await database.gatewayExecutions.findOne({ _id: body.details.execution_id })).toMatchObject({
      status: 'cancelled',
      response: null,
    });
    expect((await user.chat(agent, 'Again', { timeout_seconds: 1 })).status).toBe(504);
    agent.disconnect();
  });

  test('gateway.md §11: an operator finds a turn by its agent and reads its state, but no word of it', async () => {
    const [user, agent] = await Promise.all([signInUser(stack), silentAgent()]);
    await agent.client.updateAgent(agent.handle, { display_name: 'Private Name' });
    const waiting = user.chat(agent, 'private question', { system_prompt: 'private prompt', model: 'private-model' });
    await waitFor(() => agent.received.length === 1, { describe: 'the message' });
    const flow = await openTurnOf(agent);
    const handedOver = await waitFor(async () => {
      const view = await flow.query<TurnView, []>(turnQuery);
      return view.isHandedOver ? view : null;
    });
    expect(handedOver).toEqual({ status: expect.stringMatching(/^(queued|running)$/), isHandedOver: true });
    await agent.client.sendMessage({
      to: agent.received[0]?.sender ?? '',
      content: { text: 'private answer' },
      client_msg_id: 'private-answer',
    });
    const { body } = await waiting;
    expect(await flow.result()).toEqual({ status: 'completed', isHandedOver: true });
    const attributes = (await flow.describe()).typedSearchAttributes.getAll().map(({ value }) => value);
    expect(attributes).toEqual(expect.arrayContaining([agent.handle, 'completed']));
    const trace = (await traceOf(flow)) + JSON.stringify(await flow.query('__temporal_workflow_metadata'));
    for (const shown of [agent.handle, body.execution_id, body.session_id, 'Stage: **completed**']) {
      expect(trace).toContain(shown);
    }
    const { email, accessToken, id } = user.owner;
    for (const hidden of ['private', 'Private', email, accessToken, id, agent.received[0]?.sender ?? '']) {
      expect([hidden, trace.includes(hidden)]).toEqual([hidden, false]);
    }
    agent.disconnect();
  });

  test('gateway.md §11: a turn has one flow, however often it is started, while it is open and after', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const { execution_id: executionId } = (await user.chat(echo, 'Once')).body;
    const flow = client.workflow.getHandle(turnId(executionId));
    await waitFor(() => flow.describe(), { describe: 'the flow' });
    await flow.result();
    const again = () =>
      database.outbox.insertOne({
        _id: `obx_${executionId}`,
        kind: 'turn.started',
        executionId,
        createdAt: new Date(0),
      });
    await again();
    await waitFor(async () => (await database.outbox.countDocuments({ executionId })) === 0, { describe: 'the relay' });
    expect(await runsOf(`WorkflowId = '${flow.workflowId}'`)).toHaveLength(1);
    const silent = await silentAgent();
    const waiting = user.chat(silent, 'Still open', { timeout_seconds: 60 });
    const open = await openTurnOf(silent);
    const { runId } = await open.describe();
    await database.outbox.insertOne({
      _id: `obx_${open.workflowId}`,
      kind: 'turn.started',
      executionId: open.workflowId.slice('turn:'.length),
      createdAt: new Date(0),
    });
    await waitFor(async () => (await database.outbox.countDocuments({ kind: 'turn.started' })) === 0);
    expect((await open.describe()).runId).toBe(runId);
    expect(await runsOf(`WorkflowId = '${open.workflowId}'`)).toHaveLength(1);
    await open.cancel();
    expect((await waiting).status).toBe(409);
    silent.disconnect();
    echo.disconnect();
  });
});
