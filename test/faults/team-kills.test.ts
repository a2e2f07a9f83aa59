import { ownerPrincipal } from '../../store/gateway/principals';
import { currentSession } from '../../store/gateway/sessions';
import { startTurn } from '../../store/gateway/turns';
import { teamTurnId } from '../../workflows/messages/team-turn';
import type { Parsed } from '../support/agents';
import { signInUser } from '../support/gateway';
import { startAnsweringAgent } from '../support/gateway-faults';
import { makeTeam, useCrew } from '../support/teams';
import type { ApiChild } from '../support/stack';
import { useStackEach } from '../support/use-stack';
import { waitFor } from '../support/wait';

const LATE = { timeout_seconds: 300 };

describe('turns of teams and processes that die', () => {
  const used = useStackEach({ apis: 2, workers: 1 });
  const { stack, database, client, url } = used;
  const agents = useCrew(used);
  function apiAt(node: number): ApiChild {
    const api = stack.apis.find(({ baseUrl }) => baseUrl === url(node));
    if (api === undefined) throw new Error('no such api');
    return api;
  }
  const storedTurn = (message: string) =>
    waitFor(() => database.gatewayExecutions.findOne({ message, team: { $exists: true } }), { intervalMs: 1 });

  /** Whoever died: each member was asked once in each round, and the turn has one end. */
  async function expectDoneOnce(executionId: string, parts: number): Promise<void> {
    expect(await client.workflow.getHandle(teamTurnId(executionId)).result()).toMatchObject({ status: 'completed' });
    const rows = await database.gatewayExecutions.find({ 'teamPart.executionId': executionId }).toArray();
    expect(rows).toHaveLength(parts);
    for (const { agentId, guestId, place } of rows) {
      const asked = rows.filter((row) => row.agentId === agentId).length;
      const conversationId = place?.conversationId ?? '';
      expect(await database.messages.countDocuments({ senderId: guestId, conversationId })).toBe(asked);
    }
    const events = await database.gatewayEvents.find({ executionId }, { sort: { _id: 1 } }).toArray();
    expect(events.map(({ n }) => n)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => type === 'end')).toHaveLength(1);
    await waitFor(async () => (await database.outbox.countDocuments({ executionId })) === 0, {
      describe: 'the outbox',
    });
  }

  test('gateway#12: a worker killed between two rounds: the turn goes on with the next one', async () => {
    const user = await signInUser(stack);
    const [slow, echo] = await Promise.all([startAnsweringAgent(used, url(1)), agents.echo(undefined, 1)]);
    const team = await makeTeam(user, [agents.keep(slow.agent), echo]);
    const waiting = team.chat('Through a kill', { ...LATE, rounds: 2, summary: false });
    await slow.untilAsked();
    const [worker] = stack.workers;
    if (worker === undefined) throw new Error('no worker');
    await Promise.all([stack.kill(worker), slow.answer()]);
    await stack.startWorker();
    await slow.untilAsked(2);
    await slow.answer(1);
    const { status, body } = await waiting;
    expect([status, body.partial, body.responses.map(({ round }: Parsed) => round)]).toEqual([200, false, [2, 2]]);
    await expectDoneOnce(body.execution_id, 4);
  });

  test('gateway#4: an api killed right behind the store of a team turn: it runs, and history has it', async () => {
    const user = await signInUser(stack);
    const echo = await agents.echo(undefined, 1);
    const team = await makeTeam(user, [echo]);
    const lost = team.chat('Lost caller', { ...LATE, summary: false }).catch(() => null);
    const { _id: id } = await storedTurn('Lost caller');
    await stack.kill(apiAt(0));
    expect(await lost).toBeNull();
    await waitFor(async () => (await database.gatewayExecutions.findOne({ _id: id }))?.status === 'completed');
    const { messages } = (await user.call('GET', `/teams/${team.id}/history`)).body;
    expect(messages.map(({ content }: Parsed) => content)).toEqual(['Lost caller', 'You said: Lost caller']);
    await expectDoneOnce(id, 1);
  });

  test('gateway.md §11: an api that ends behind the commit of a team turn: the relay starts its flow', async () => {
    const user = await signInUser(stack);
    const echo = await agents.echo(undefined, 1);
    const { id: teamId } = await makeTeam(user, [echo]);
    const now = new Date();
    const principal = ownerPrincipal({ id: user.owner.id, displayName: null });
    const deadlineAt = new Date(now.getTime() + 300_000);
    // All that an api leaves that got no further: this process is one.
    const { _id: id } = await startTurn(database, {
      session: await currentSession(database, principal, teamId, now, { kind: 'team' }),
      channel: 'team',
      contactOf: null,
      message: 'Only stored',
      wantsStream: false,
      hints: {},
      waitUntil: deadlineAt,
      deadlineAt,
      now,
      team: {
        name: 'Crew',
        mode: 'parallel',
        rounds: 1,
        members: [{ agentId: echo.id, name: echo.handle, role: null, isOwned: false }],
        summarizer: null,
        outcomes: [],
      },
    });
    await waitFor(async () => (await database.gatewayExecutions.findOne({ _id: id }))?.status === 'completed');
    await expectDoneOnce(id, 1);
  });
});
