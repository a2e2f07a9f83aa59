import { randomUUID } from 'node:crypto';
import { claim } from '../support/owners';
import { recordsOf, signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { sequence } from '../support/releases';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Work that nobody waits for must not need anybody: tasks are taken, done and found later, whoever asks. */
describe('tasks of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 1 });

  const give = (user: GatewayUser, { handle }: { handle: string }, body: object, more = {}) =>
    user.call('POST', `/api/agents/${handle}/task`, { body, ...more });
  const untilEnded = (user: GatewayUser, { handle }: { handle: string }, id: string) =>
    waitFor(
      async () => {
        const { body } = await user.call('GET', `/api/agents/${handle}/executions/${id}`, { node: 1 });
        return ['queued', 'running'].includes(body.status) ? null : body;
      },
      { describe: 'the end of the task' },
    );
  /** An agent that is told what to answer, message by message. */
  async function startOwned(user: GatewayUser) {
    const agent = await SdkAgent.create(database, url(1));
    await agent.connect();
    await claim(user.owner, agent.account);
    const answer = (index: number, content: object, metadata = {}) =>
      agent.client.sendMessage({
        to: agent.received[index]?.sender ?? '',
        content,
        metadata,
        client_msg_id: randomUUID(),
      });
    const untilAsked = (count: number) =>
      waitFor(() => agent.received.length === count, { describe: `${count} messages` });
    return { agent, handle: agent.handle, answer, untilAsked };
  }

  test('gateway#1: a plain SDK agent does a task; its receipt comes at once, the answer is found later', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(1))]);
    const taken = await give(user, echo, { message: 'Count', metadata: { ticket: 7 }, priority: 9 });
    expect(taken.status).toBe(202);
    const id = taken.headers.get('x-execution-id') ?? '';
    expect(taken.body).toEqual({
      status: 'accepted',
      execution_id: id,
      agent_name: echo.handle,
      message: 'Count',
      async_mode: true,
    });
    const done = await untilEnded(user, echo, id);
    expect(done).toMatchObject({
      status: 'completed',
      response: 'You said: Count',
      triggered_by: 'task',
      metadata: { ticket: 7 },
      attempt: 1,
      max_attempts: 1,
    });
    expect(echo.seen[0]?.metadata).toMatchObject({ gateway: { channel: 'task', stream: false, attempt: 1 } });
    echo.disconnect();
  });

  test('gateway.md §9.1: a task with async_mode false is answered as JSON, or with 504 and its id', async () => {
    const user = await signInUser(stack);
    const owned = await startOwned(user);
    const waiting = give(user, owned, { message: 'Wait', async_mode: false });
    await owned.untilAsked(1);
    await owned.answer(0, { text: 'Done' });
    const answered = await waiting;
    expect([answered.status, answered.body.response]).toEqual([200, 'Done']);
    expect(answered.body.task_execution_id).toBe(answered.body.execution_id);
    const late = await give(user, owned, { message: 'Too long', async_mode: false, timeout_seconds: 1 });
    expect([late.status, late.body.code]).toEqual([504, 'TURN_TIMEOUT']);
    expect(late.body.details.execution_id).toBe(late.headers.get('x-execution-id'));
    owned.agent.disconnect();
  });

  test('gateway.md §9.2: tasks have sessions of their own, unless they are to be part of a chat', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(1))]);
    const chat = await user.chat(echo, 'Hello');
    const sessionOf = async (body: object) => {
      const { headers, status } = await give(user, echo, { message: 'Do', ...body });
      await untilEnded(user, echo, headers.get('x-execution-id') ?? '');
      return [status, headers.get('x-session-id')];
    };
    const own = [await sessionOf({}), await sessionOf({})];
    expect(new Set([...own.map(([, id]) => id), chat.body.session_id]).size).toBe(3);
    expect(await sessionOf({ save_to_session: true })).toEqual([202, chat.body.session_id]);
    expect(await sessionOf({ session_id: chat.body.session_id })).toEqual([202, chat.body.session_id]);
    const after = await user.chat(echo, 'Still here');
    expect(after.body.session_id).toBe(chat.body.session_id);
    const stranger = await signInUser(stack);
    const foreign = await give(stranger, echo, { message: 'Do', session_id: chat.body.session_id });
    expect([foreign.status, foreign.body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
    echo.disconnect();
  });

  test('gateway.md §9.2: a retryable failure is tried again, and answers to earlier tries count', async () => {
    const user = await signInUser(stack);
    const owned = await startOwned(user);
    const taken = await give(user, owned, { message: 'Hard', max_attempts: 3 });
    const id = taken.body.execution_id;
    await owned.untilAsked(1);
    const error = { code: 'busy', message: 'Not now', retryable: true };
    await owned.answer(0, { text: 'sorry' }, { gateway: { error } });
    await owned.untilAsked(2);
    const [first, second] = owned.agent.received;
    expect([first?.id === second?.id, first?.conversation_id === second?.conversation_id]).toEqual([false, true]);
    expect(second?.metadata).toMatchObject({ gateway: { execution_id: id, attempt: 2, max_attempts: 3 } });
    await owned.answer(0, { text: 'After all' }, { reply_to: first?.id });
    const done = await untilEnded(user, owned, id);
    expect(done).toMatchObject({ status: 'completed', response: 'After all', attempt: 2, max_attempts: 3 });
    owned.agent.disconnect();
  });

  test('gateway.md §9.2: what may not be tried again, or no more, fails with the error of the agent', async () => {
    const user = await signInUser(stack);
    const owned = await startOwned(user);
    const fail = { error: { code: 'broken', message: 'No', retryable: true } };
    const once = (await give(user, owned, { message: 'Once' })).body.execution_id;
    const final = (await give(user, owned, { message: 'Final', max_attempts: 2 })).body.execution_id;
    await owned.untilAsked(2);
    for (const [index, retryable] of [true, false].entries()) {
      await owned.answer(index, { text: '' }, { gateway: { error: { ...fail.error, retryable } } });
    }
    for (const id of [once, final]) {
      expect(await untilEnded(user, owned, id)).toMatchObject({
        status: 'failed',
        error_code: 'agent_error',
        attempt: 1,
      });
    }
    owned.agent.disconnect();
  });

  test('gateway.md §1.2: a task of a paused agent waits for the end of the pause, a chat is refused', async () => {
    const user = await signInUser(stack);
    const owned = await startOwned(user);
    const pause = (mode: string) =>
      user.owner.call('POST', `/dashboard/agents/${owned.handle}/pause`, { body: { mode } });
    expect((await pause('send')).status).toBe(200);
    const taken = await give(user, owned, { message: 'Later' });
    expect(taken.status).toBe(202);
    const refused = await user.chat(owned, 'Now');
    expect([refused.status, refused.body.details]).toEqual([503, { reason: 'paused' }]);
    const other = await startEcho(database, url(1));
    await user.chat(other, 'Meanwhile');
    expect(owned.agent.received).toHaveLength(0);
    const { body } = await user.call('GET', `/api/agents/${owned.handle}/executions/${taken.body.execution_id}`);
    expect([body.status, body.message_id]).toEqual(['queued', null]);
    await user.owner.call('POST', `/dashboard/agents/${owned.handle}/unpause`);
    await owned.untilAsked(1);
    await owned.answer(0, { text: 'At last' });
    expect(await untilEnded(user, owned, taken.body.execution_id)).toMatchObject({ response: 'At last' });
    owned.agent.disconnect();
    other.disconnect();
  });

  test('gateway.md §9.1: what failed or was cancelled is done again; all else is 409', async () => {
    const user = await signInUser(stack);
    const owned = await startOwned(user);
    const path = `/api/agents/${owned.handle}/executions`;
    const { body: taken } = await give(user, owned, { message: 'Again', timeout_seconds: 300 });
    const open = await user.call('POST', `${path}/${taken.execution_id}/retry`);
    expect([open.status, open.body.code]).toEqual([409, 'TURN_CLOSED']);
    await user.call('POST', `${path}/${taken.execution_id}/cancel`);
    const again = await user.call('POST', `${path}/${taken.execution_id}/retry`);
    expect([again.status, again.body.retry_of, again.body.message]).toEqual([202, taken.execution_id, 'Again']);
    const id = again.body.execution_id;
    await owned.untilAsked(2);
    await owned.answer(1, { text: 'Now' }, { gateway: { execution_id: id } });
    expect(await untilEnded(user, owned, id)).toMatchObject({ response: 'Now', retry_of: taken.execution_id });
    const done = await user.call('POST', `${path}/${id}/retry`);
    expect([done.status, done.body.code]).toEqual([409, 'TURN_CLOSED']);
    const stranger = await signInUser(stack);
    const foreign = await stranger.call('POST', `${path}/${taken.execution_id}/retry`);
    expect([foreign.status, foreign.body.code]).toEqual([404, 'EXECUTION_NOT_FOUND']);
    owned.agent.disconnect();
  });

  test.each([
    ['no text', { message: ' ' }],
    ['too many attempts', { message: 'x', max_attempts: 6 }],
    ['a day and a second', { message: 'x', timeout_seconds: 86_401 }],
    ['a priority of ten', { message: 'x', priority: 10 }],
    ['metadata of 3 KB', { message: 'x', metadata: { note: 'n'.repeat(3_000) } }],
  ])('gateway.md §9.1: a task with %s is refused and stores nothing', async (_, body) => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(1))]);
    const refused = await give(user, echo, body);
    expect([refused.status, refused.body.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(await database.gatewayExecutions.countDocuments({ agentId: echo.id })).toBe(0);
    echo.disconnect();
  });

  test('gateway.md §9.4: of many equal calls at once with one key one turn comes, and all get its answer', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(1))]);
    await user.chat(echo, 'Hello');
    const headers = { 'idempotency-key': randomUUID(), accept: 'application/json' };
    const body = { message: 'Once' };
    const path = `/api/agents/${echo.handle}/chat`;
    const answers = await Promise.all(
      sequence(0, 8).map((n) => user.call('POST', path, { body, headers, node: n % 2 })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(new Set(answers.map(({ body: { execution_id } }) => execution_id)).size).toBe(1);
    expect(answers.filter(({ headers: own }) => own.get('x-idempotent-replay') === null)).toHaveLength(1);
    expect(await database.gatewayExecutions.countDocuments({ message: 'Once', agentId: echo.id })).toBe(1);
    const later = await user.call('POST', path, { body, headers });
    expect([later.status, later.body]).toEqual([200, answers[0]?.body]);
    const stream = await user.stream(`${path}/stream`, { body, headers });
    expect(stream.headers.get('x-idempotent-replay')).toBeNull();
    const other = await user.call('POST', path, { body: { message: 'Other' }, headers });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_CONFLICT']);
    const malformed = await user.call('POST', path, { body, headers: { ...headers, 'idempotency-key': 'short' } });
    expect([malformed.status, malformed.body.code]).toEqual([400, 'IDEMPOTENCY_KEY_INVALID']);
    await stream.text();
    echo.disconnect();
  });

  test('gateway.md §9.4: a stream with a key is replayed from its first event; a failed run starts anew', async () => {
    const user = await signInUser(stack);
    const owned = await startOwned(user);
    const headers = { 'idempotency-key': randomUUID() };
    const call = { body: { message: 'Stream' }, headers };
    const path = `/api/agents/${owned.handle}/chat/stream`;
    const first = await user.stream(path, call);
    await owned.untilAsked(1);
    const second = await user.stream(path, { ...call, node: 1 });
    expect(second.headers.get('x-idempotent-replay')).toBe('true');
    await owned.answer(0, { text: 'Shown' });
    const [one, other] = await Promise.all([first.text(), second.text()]);
    expect(recordsOf(other)).toEqual(recordsOf(one));
    expect(recordsOf(one).map(({ type }) => type)).toEqual(['text', 'done']);
    const failing = { body: { message: 'Fail' }, headers: { 'idempotency-key': randomUUID() } };
    const failed = user.call('POST', `/agents/${owned.handle}/chat`, failing);
    await owned.untilAsked(2);
    await owned.answer(1, { text: '' }, { gateway: { error: { code: 'x', message: 'x' } } });
    expect((await failed).status).toBe(502);
    const anew = user.call('POST', `/agents/${owned.handle}/chat`, failing);
    await owned.untilAsked(3);
    await owned.answer(2, { text: 'Better' });
    expect([(await anew).status, (await anew).body.response]).toEqual([200, 'Better']);
    owned.agent.disconnect();
  });
});
