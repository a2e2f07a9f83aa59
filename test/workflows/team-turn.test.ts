import { teamTurnId, teamTurnQuery } from '../../workflows/messages/team-turn';
import { turnId } from '../../workflows/messages/turn';
import { traceOf } from '../support/flow-traces';
import { signInUser } from '../support/gateway';
import { useSkippedTime } from '../support/skipped-time';
import { useTeamRig, type RigActivities, type RigTeamTurn } from '../support/team-rig';
import { makeTeam, useCrew } from '../support/teams';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Real activities on a real store; the time is the Temporal server's. */
describe('the flow of a team turn', () => {
  const time = useSkippedTime();
  const rig = useTeamRig(time);

  const run = <T>(body: () => Promise<T>, more: Partial<RigActivities> = {}): Promise<T> =>
    time.withWorker({ ...rig.activities, ...more }, body);
  /** Time passes as on any clock until it is there: nothing is skipped. */
  const untilEnded = ({ flow }: RigTeamTurn) =>
    waitFor(async () => (await flow.describe()).status.name !== 'RUNNING', { describe: 'the end of the flow' });
  const answerAll = async (turn: RigTeamTurn, count: number, from = 0) => {
    const parts = (await rig.untilAsked(turn, from + count)).slice(from);
    for (const part of parts) await rig.answer(part, `answer of ${part.agentId} in ${part.teamPart?.round}`);
    return parts;
  };
  const outcomesOf = async (turn: RigTeamTurn) =>
    (await rig.stored(turn)).team.outcomes.map(({ isAnswered, round }) => [round, isAnswered]);

  test('gateway.md §5.4: it ends when all have answered, with no timer in between', async () => {
    await run(async () => {
      const turn = await rig.ask('Quickly');
      const askedMs = await time.nowMs();
      await answerAll(turn, 3);
      await untilEnded(turn);
      expect((await time.nowMs()) - askedMs).toBeLessThan(30_000);
      expect(await turn.flow.result()).toMatchObject({ status: 'completed' });
      expect(await rig.stored(turn)).toMatchObject({ response: '', team: { summary: { source: 'none' } } });
      expect(await outcomesOf(turn)).toEqual([
        [1, true],
        [1, true],
        [1, true],
      ]);
    });
  });

  test('gateway#12: a silent member costs its step, the others go on and the summary is theirs', async () => {
    await run(async () => {
      const turn = await rig.ask('Partly', { rounds: 2, summarizer: 1, waitMs: 100_000 });
      const first = await rig.untilAsked(turn, 3);
      const silent = first.find(({ agentId }) => agentId === rig.members[2]?._id);
      for (const part of first) if (part !== silent) await rig.answer(part, 'first round');
      // Two rounds share eighty seconds.
      const lastsMs = (silent?.waitUntil.getTime() ?? 0) - (silent?.queuedAt.getTime() ?? 0);
      expect(Math.abs(lastsMs - 40_000)).toBeLessThan(5_000);
      await time.skip(42_000);
      const second = (await rig.untilAsked(turn, 6)).slice(3);
      // Agents answer in order: what comes first is of the first round, though that is over.
      await rig.answer(silent, 'late', false);
      for (const part of second) await rig.answer(part, `second round`, part.agentId !== silent?.agentId);
      const parts = await rig.untilAsked(turn, 7);
      const summary = parts.find(({ teamPart }) => teamPart?.role === 'summarizer');
      expect(summary?.agentId).toBe(rig.members[1]?._id);
      await rig.answer(summary, 'In short');
      await untilEnded(turn);
      expect(await rig.stored(turn)).toMatchObject({
        status: 'completed',
        response: 'In short',
        team: { summary: { source: 'agent', executionId: summary?._id } },
      });
      expect((await outcomesOf(turn)).filter(([, isAnswered]) => isAnswered === false)).toEqual([[1, false]]);
      const answers = (await rig.parts(turn)).filter(({ agentId }) => agentId === silent?.agentId);
      expect(answers.map(({ response }) => response)).toEqual(['late', 'second round']);
    });
  });

  test('gateway#12: a silent summarizer is stood in for when the time of the turn is over', async () => {
    await run(async () => {
      const turn = await rig.ask('Sum up', { summarizer: 0, waitMs: 60_000 });
      await answerAll(turn, 3);
      await rig.untilAsked(turn, 4);
      expect(await turn.flow.result()).toMatchObject({ status: 'completed' });
      const stored = await rig.stored(turn);
      expect(stored.team.summary?.source).toBe('fallback');
      expect(stored.response?.split('\n')).toHaveLength(3);
      const overMs = (stored.completedAt?.getTime() ?? 0) - stored.deadlineAt.getTime();
      expect([overMs >= 0, overMs < 10_000]).toEqual([true, true]);
    });
  });

  test('gateway#12: with all silent it fails when the time of the members is over', async () => {
    await run(async () => {
      const turn = await rig.ask('Anybody?', { rounds: 3, summarizer: 0, waitMs: 100_000 });
      expect(await turn.flow.result()).toMatchObject({ status: 'failed', step: 3, steps: 3 });
      const stored = await rig.stored(turn);
      expect(stored).toMatchObject({ error: { code: 'timeout' }, team: { summary: { source: 'none' } } });
      expect(stored.team.outcomes).toHaveLength(9);
      const beforeMs = stored.deadlineAt.getTime() - (stored.completedAt?.getTime() ?? 0);
      expect(Math.abs(beforeMs - 20_000)).toBeLessThan(5_000);
      // Until the time of the turn is over late answers are of its rounds.
      for (const part of await rig.parts(turn)) {
        expect(await time.client.workflow.getHandle(turnId(part._id)).result()).toMatchObject({ status: 'failed' });
      }
      expect((await rig.parts(turn)).map(({ status }) => status)).toEqual(Array.from({ length: 9 }, () => 'failed'));
    });
  });

  test('gateway.md §9.2: the next turn of a session begins when the one before it has ended', async () => {
    await run(async () => {
      const first = await rig.ask('first');
      await rig.untilAsked(first, 3);
      const second = await rig.ask('second');
      await waitFor(() => second.flow.query(teamTurnQuery), { describe: 'the second flow' });
      await time.skip(12_000);
      expect(await rig.parts(second)).toEqual([]);
      await answerAll(first, 3);
      await untilEnded(first);
      await answerAll(second, 3);
      await untilEnded(second);
      expect((await rig.stored(second)).status).toBe('completed');
    });
  });

  test('gateway.md §11: an activity that is repeated after a crash asks nobody twice', async () => {
    let crashes = 3;
    /** Its effect is there, its answer is lost. */
    const crash = async <T>(work: Promise<T>): Promise<T> => {
      const done = await work;
      if ((crashes -= 1) >= 0) throw new Error('killed');
      return done;
    };
    await run(
      async () => {
        const turn = await rig.ask('Once', { summarizer: 0 });
        await answerAll(turn, 3);
        const parts = await rig.untilAsked(turn, 4);
        await rig.answer(
          parts.find(({ teamPart }) => teamPart?.role === 'summarizer'),
          'Done',
        );
        await untilEnded(turn);
        expect(await rig.parts(turn)).toHaveLength(4);
        expect(await rig.stored(turn)).toMatchObject({ response: 'Done', status: 'completed' });
        expect(await outcomesOf(turn)).toHaveLength(3);
        expect(crashes).toBeLessThan(0);
      },
      {
        beginTeamStep: (input) => crash(rig.activities.beginTeamStep(input)),
        noteTeamMember: (input) => crash(rig.activities.noteTeamMember(input)),
        finishTeamTurn: (input) => crash(rig.activities.finishTeamTurn(input)),
      },
    );
  });

  test('gateway.md §9.3: a turn that is cancelled while its members are being asked cancels theirs, too', async () => {
    const beginTeamStep: RigActivities['beginTeamStep'] = async (input) => {
      const parts = await rig.activities.beginTeamStep(input);
      await rig.cancel(input.executionId);
      return parts;
    };
    await run(
      async () => {
        const turn = await rig.ask('Never mind');
        const askedMs = await time.nowMs();
        await untilEnded(turn);
        expect((await time.nowMs()) - askedMs).toBeLessThan(30_000);
        expect(await turn.flow.result()).toMatchObject({ status: 'cancelled' });
        expect((await rig.parts(turn)).map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
      },
      { beginTeamStep },
    );
  });

  test('gateway.md §9.3: the members of a turn that was cancelled are let go, also when the worker died then', async () => {
    let hasCrashed = false;
    const beginTeamStep: RigActivities['beginTeamStep'] = async (input) => {
      const parts = await rig.activities.beginTeamStep(input);
      if (hasCrashed) return parts;
      hasCrashed = true;
      await rig.cancel(input.executionId);
      throw new Error('killed');
    };
    await run(
      async () => {
        const turn = await rig.ask('Never mind');
        await untilEnded(turn);
        expect((await rig.parts(turn)).map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
      },
      { beginTeamStep },
    );
  });

  test('gateway.md §11: a member whose flow the relay has started is waited for all the same', async () => {
    const beginTeamStep: RigActivities['beginTeamStep'] = async (input) => {
      const parts = await rig.activities.beginTeamStep(input);
      for (const part of parts) {
        await time.start('turn', turnId(part.executionId), [{ ...part, hasSearchAttributes: false }]);
      }
      return parts;
    };
    await run(
      async () => {
        const turn = await rig.ask('Relayed');
        await answerAll(turn, 3);
        expect(await turn.flow.result()).toMatchObject({ status: 'completed' });
        expect(await outcomesOf(turn)).toHaveLength(3);
      },
      { beginTeamStep },
    );
  });
});

/** As operators see it: the dev server, with search attributes and real processes. */
describe('the flow of a team turn in the Temporal UI', () => {
  const used = useStack();
  const { stack, database, client } = used;
  const agents = useCrew(used);

  test('gateway.md §11: an operator reads its state, but no word of what was said', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), agents.echo(() => 'private answer')]);
    const team = await makeTeam(user, [echo], { name: 'Private crew', description: 'private' });
    const { body } = await team.chat('private question', { rounds: 2 });
    const flow = client.workflow.getHandle(teamTurnId(body.execution_id));
    expect(await flow.result()).toEqual({ status: 'completed', step: 2, steps: 2 });
    const trace = (await traceOf(flow)) + JSON.stringify(await flow.query('__temporal_workflow_metadata'));
    for (const shown of [team.id, body.execution_id, body.conversation_id, echo.handle, 'Stage: **completed**']) {
      expect(trace).toContain(shown);
    }
    for (const hidden of ['private', 'Private', user.owner.email, echo.received[0]?.sender ?? '']) {
      expect([hidden, trace.includes(hidden)]).toEqual([hidden, false]);
    }
  });

  test('gateway.md §11: cancelling the flow cancels the turn and those of its members', async () => {
    const [user, silent] = await Promise.all([signInUser(stack), agents.silent()]);
    const team = await makeTeam(user, [silent]);
    const waiting = team.chat('Never mind');
    await waitFor(() => silent.received.length === 1, { describe: 'the message' });
    const execution = await database.gatewayExecutions.findOne({ agentId: team.id });
    await client.workflow.getHandle(teamTurnId(execution?._id ?? '')).cancel();
    const { status, body } = await waiting;
    expect([status, body.code]).toEqual([409, 'TURN_CANCELLED']);
    await waitFor(
      async () => (await database.gatewayExecutions.findOne({ agentId: silent.id }))?.status === 'cancelled',
    );
  });
});
