import { ownerPrincipal } from '../../store/gateway/principals';
import { createSession } from '../../store/gateway/sessions';
import { startTurn } from '../../store/gateway/turns';
import { turnId } from '../../workflows/messages/turn';
import { linesOf, recordsOf, signInUser } from '../support/gateway';
import { commitAnswer, expectDoneOnce, LATE, startAnsweringAgent, untilCompleted } from '../support/gateway-faults';
import type { ApiChild } from '../support/stack';
import { useStackEach, type UsedStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** The turn that is in the store though nobody was told of it yet. */
const untilStored = ({ database }: UsedStack, message: string) =>
  waitFor(() => database.gatewayExecutions.findOne({ message }), { intervalMs: 1, describe: 'the stored turn' });

const recordIds = (shown: string): string[] => [...shown.matchAll(/^id: (\d+)$/gm)].map(([, id = '']) => id);

describe('turns of the chat gateway and processes that die', () => {
  const used = useStackEach({ apis: 2, workers: 1 });
  const { stack, database, url } = used;
  /** Of those that run, in the order of their start. */
  function apiAt(node: number): ApiChild {
    const api = stack.apis.find(({ baseUrl }) => baseUrl === url(node));
    if (api === undefined) throw new Error('no such api');
    return api;
  }

  test('gateway#4: an api killed behind the store of a turn: its caller finds the answer at another one', async () => {
    for (const [round, when] of ['stored', 'handed over', 'taken'].entries()) {
      const user = await signInUser(stack);
      const agent = await startAnsweringAgent(used, url(1));
      const path = `/api/agents/${agent.handle}/executions`;
      const lost = user.chat(agent, `killed when ${when}`, LATE).catch(() => null);
      const { _id: id } = await untilStored(used, `killed when ${when}`);
      if (round > 0) await agent.untilAsked();
      if (round > 1) await waitFor(async () => (await user.call('GET', `${path}/${id}`)).body.status === 'running');
      await stack.kill(apiAt(0));
      expect(await lost).toBeNull();
      await agent.untilAsked();
      const listed = await user.call('GET', path);
      expect(listed.body.map((row: { id: string }) => row.id)).toEqual([id]);
      await agent.answer();
      expect((await untilCompleted(user, agent, id)).response).toBe(`You said: killed when ${when}`);
      await expectDoneOnce(used, id);
      expect(agent.agent.repeats).toBe(0);
      agent.agent.disconnect();
      await stack.startApi();
    }
  });

  test('gateway#4: an api that ends right behind the commit of a turn: the worker hands the message over', async () => {
    const user = await signInUser(stack);
    const agent = await startAnsweringAgent(used, url(1));
    const now = new Date();
    const principal = ownerPrincipal({ id: user.owner.id, displayName: null });
    const session = await createSession(database, principal, agent.agent.id, now);
    const [waitUntil, deadlineAt] = [new Date(now.getTime() + 600_000), new Date(now.getTime() + 900_000)];
    // All that an api leaves that got no further: this process is one.
    const turn = {
      session,
      channel: 'chat' as const,
      contactOf: user.owner.id,
      message: 'Only stored',
      wantsStream: false,
      hints: {},
      waitUntil,
      deadlineAt,
      now,
    };
    const { _id: id } = await startTurn(database, turn);
    await agent.untilAsked();
    await agent.answer();
    await untilCompleted(user, agent, id);
    await expectDoneOnce(used, id);
    agent.agent.disconnect();
  });

  test('gateway#4: the only worker killed at the reply: the answer is there at once, the flow follows', async () => {
    const user = await signInUser(stack);
    const agent = await startAnsweringAgent(used, url(1));
    const answers = [user.chat(agent, 'to a dead worker', LATE)];
    await agent.untilAsked();
    const [worker] = stack.workers;
    if (worker === undefined) throw new Error('no worker');
    await Promise.all([agent.answer(), stack.kill(worker)]);
    expect((await answers[0])?.body.response).toBe('You said: to a dead worker');
    answers.push(user.chat(agent, 'without a worker', LATE));
    await agent.untilAsked(2);
    await agent.answer(1);
    const bodies = (await Promise.all(answers)).map(({ body }) => body);
    expect(bodies.map(({ response }) => response)).toEqual([
      'You said: to a dead worker',
      'You said: without a worker',
    ]);
    await stack.startWorker();
    for (const { execution_id: id } of bodies) {
      const flow = used.client.workflow.getHandle(turnId(id));
      expect(await flow.result()).toEqual({ status: 'completed', isHandedOver: true });
      await waitFor(async () => (await database.outbox.countDocuments({ executionId: id })) === 0);
      expect(await database.gatewayEvents.countDocuments({ executionId: id, type: 'end' })).toBe(1);
    }
    agent.agent.disconnect();
  });

  test('gateway#4: an api killed as soon as it accepted the answer: the turn completes at another one', async () => {
    const user = await signInUser(stack);
    const agent = await startAnsweringAgent(used, url(1));
    const waiting = user.chat(agent, 'killed when answered', LATE);
    await agent.untilAsked();
    await agent.answer();
    await stack.kill(apiAt(1));
    const { body } = await waiting;
    expect(body.response).toBe('You said: killed when answered');
    await expectDoneOnce(used, body.execution_id);
    agent.agent.disconnect();
  });

  test('gateway#4: an answer whose process died behind its commit is settled by the worker', async () => {
    const user = await signInUser(stack);
    const agent = await startAnsweringAgent(used, url(1));
    const waiting = user.chat(agent, 'settled later', LATE);
    await agent.untilAsked();
    await commitAnswer(used, agent.agent, 'settled later');
    const { body } = await waiting;
    expect(body.response).toBe('You said: settled later');
    await expectDoneOnce(used, body.execution_id);
    agent.agent.disconnect();
  });

  test('gateway.md §11: at a shutdown streams end without [DONE], and callers go on at another process', async () => {
    const user = await signInUser(stack);
    const agent = await startAnsweringAgent(used, url(1));
    const path = `/api/agents/${agent.handle}`;
    const lines = await user.stream(`${path}/chat`, { body: { message: 'as lines', ...LATE } });
    await agent.untilAsked();
    await agent.answer();
    await lines.text();
    const open = await user.stream(`${path}/chat`, { body: { message: 'as lines again', ...LATE } });
    const id = open.headers.get('x-execution-id') ?? '';
    await agent.untilAsked(2);
    const followed = await user.stream(`${path}/executions/${id}/stream`, { method: 'GET' });
    const other = await user.stream(`${path}/chat/stream`, {
      body: { message: 'as events', new_session: true, ...LATE },
    });
    const waiting = user.chat(agent, 'as JSON', { new_session: true, ...LATE });
    await agent.untilAsked(4);
    const [, shownLines, shownFollowed, shownOther, refused] = await Promise.all([
      stack.terminate(apiAt(0)),
      open.text(),
      followed.text(),
      other.text(),
      waiting,
    ]);
    expect(linesOf(shownLines).map(({ type, subtype }) => [type, subtype])).not.toContainEqual(['result', 'success']);
    expect(linesOf(shownLines).at(-1)).toMatchObject({ type: 'system', subtype: 'status', status: 'waiting' });
    for (const shown of [shownFollowed, shownOther]) {
      expect(shown).not.toContain('[DONE]');
      expect(shown).toMatch(/\n: closing, .*\n\n$/);
    }
    expect([refused.status, refused.body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    const turns = [
      [id, 1, recordIds(shownFollowed).at(-1)],
      [other.headers.get('x-execution-id') ?? '', 2, undefined],
      [refused.headers.get('x-execution-id') ?? '', 3, undefined],
    ] as const;
    for (const [execution, index, known] of turns) {
      const resumed = await user.stream(`${path}/executions/${execution}/stream`, {
        method: 'GET',
        headers: known === undefined ? {} : { 'last-event-id': known },
      });
      await agent.answer(index);
      const rest = await resumed.text();
      expect(rest.endsWith('data: [DONE]\n\n')).toBe(true);
      const texts = recordsOf(rest).filter(({ type }) => type === 'text');
      expect(texts.map(({ content }) => content)).toEqual([`You said: ${agent.agent.received[index]?.content.text}`]);
      if (known !== undefined) expect(recordIds(rest)).not.toContain(known);
      await waitFor(async () => (await database.outbox.countDocuments({ executionId: execution })) === 0);
    }
    agent.agent.disconnect();
  });
});
