import { randomUUID } from 'node:crypto';
import { newId } from '../../platform/ids';
import { ownerPrincipal } from '../../store/gateway/principals';
import { createSideSession } from '../../store/gateway/sessions';
import { attachmentCalls, textFile } from '../support/attachments';
import { call, createTestAgent, type CallAnswer, type Parsed, type TestAgent } from '../support/agents';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §4.3, §8.4: what was said, in all sessions, as one history. */
describe('histories of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const connected: SdkAgent[] = [];
  afterEach(() => connected.splice(0).forEach((agent) => agent.disconnect()));
  /** An agent that answers, and its owner. */
  async function ownedEcho(): Promise<[SdkAgent, GatewayUser]> {
    const [echo, owner] = await Promise.all([startEcho(database, url()), signInUser(stack)]);
    connected.push(echo);
    await claim(owner.owner, echo.account);
    return [echo, owner];
  }
  const historyOf = ({ handle }: { handle: string }, query = '') =>
    `/api/agents/${handle}/chat/history/persistent${query}`;
  const textsOf = ({ body }: CallAnswer): string[] => body.messages.map(({ content }: Parsed) => content);
  const saidOf = (texts: string[]): string[] => texts.flatMap((text) => [`You said: ${text}`, text]);
  /** Says each text in a session of its own. @returns the sessions */
  async function sayApart(user: GatewayUser, agent: SdkAgent, texts: string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const text of texts) ids.push((await user.chat(agent, text, { new_session: true })).body.session_id);
    return ids;
  }

  test('gateway.md §4.3: the persistent history has all sessions, closed ones too, newest first', async () => {
    const [echo, user] = await ownedEcho();
    const empty = await user.call('GET', historyOf(echo));
    expect([empty.status, empty.body]).toEqual([
      200,
      { agent_name: echo.handle, message_count: 0, messages: [], has_more: false },
    ]);
    const [first, second] = await sayApart(user, echo, ['one', 'two']);
    await user.call('POST', `/api/agents/${echo.handle}/chat/sessions/${second}/close`);
    const { execution_id } = (await user.chat(echo, 'three', { session_id: first })).body;
    const all = await user.call('GET', historyOf(echo));
    expect(textsOf(all)).toEqual(saidOf(['three', 'two', 'one']));
    expect([all.body.message_count, all.body.has_more]).toEqual([6, false]);
    expect(all.body.messages[0]).toMatchObject({ role: 'assistant', execution_id, session_id: first, late: false });
    expect(all.body.messages[2]).toMatchObject({ session_id: second, user_email: user.owner.email });
    await user.call('DELETE', `/agents/${echo.handle}/conversations/${second}`);
    expect(textsOf(await user.call('GET', historyOf(echo)))).toEqual(saidOf(['three', 'one']));
  });

  test("gateway.md §4.3: an agent's owner sees all users unless it filters, everybody else itself", async () => {
    const [echo, owner] = await ownedEcho();
    const [user, other] = await Promise.all([signInUser(stack), signInUser(stack)]);
    await owner.chat(echo, 'mine');
    await user.chat(echo, 'theirs');
    await other.chat(echo, 'others');
    const seen = async (who: GatewayUser, query = '') => textsOf(await who.call('GET', historyOf(echo, query)));
    expect(await seen(owner)).toEqual(saidOf(['others', 'theirs', 'mine']));
    expect(await seen(owner, '?user_filter=true')).toEqual(saidOf(['mine']));
    expect(await seen(owner, '?user_filter=false')).toEqual(saidOf(['others', 'theirs', 'mine']));
    expect(await seen(user)).toEqual(saidOf(['theirs']));
    expect(await seen(user, '?user_filter=false')).toEqual(saidOf(['theirs']));
    expect(await seen(await signInUser(stack))).toEqual([]);
    const { messages } = (await owner.call('GET', historyOf(echo))).body;
    expect(messages.map(({ user_email }: Parsed) => user_email)).toEqual(
      [other, user, owner].flatMap(({ owner: { email } }) => [email, email]),
    );
  });

  test('gateway.md §4.3: pages of the persistent history show each message once, over both processes', async () => {
    const [echo, user] = await ownedEcho();
    const texts = ['a', 'b', 'c', 'd'];
    const sessions = await sayApart(user, echo, texts);
    await user.chat(echo, 'e', { session_id: sessions[0] });
    const all = saidOf(['e', ...texts.toReversed()]);
    for (const limit of [1, 3, 4, 9]) {
      const seen: string[] = [];
      let before = '';
      for (let hasMore = true, page = 0; hasMore; page += 1) {
        const query = `?limit=${limit}&before=${before}`;
        const { body, ...answer } = await user.call('GET', historyOf(echo, query), { node: page % 2 });
        seen.push(...textsOf({ body, ...answer }));
        hasMore = body.has_more;
        before = body.messages.at(-1).id;
        expect(body.messages.length === limit || !hasMore).toBe(true);
      }
      expect([limit, seen]).toEqual([limit, all]);
    }
    const whole = await user.call('GET', historyOf(echo, '?limit=10'));
    expect([whole.body.messages.length, whole.body.has_more]).toEqual([10, false]);
  });

  test("`before` of somebody else's message, or a deleted session's, is answered as one that never was", async () => {
    const [echo, user] = await ownedEcho();
    const stranger = await signInUser(stack);
    await user.chat(echo, 'mine');
    const foreign = (await user.call('GET', historyOf(echo))).body.messages[0].id;
    const [gone] = await sayApart(stranger, echo, ['gone']);
    const deleted = (await stranger.call('GET', historyOf(echo))).body.messages[0].id;
    await stranger.call('DELETE', `/agents/${echo.handle}/conversations/${gone}`);
    const unknown = await stranger.call('GET', historyOf(echo, `?before=${newId('message')}`));
    expect([unknown.status, unknown.body.code, unknown.body.detail]).toEqual([
      404,
      'MESSAGE_NOT_FOUND',
      unknown.body.message,
    ]);
    for (const id of [foreign, deleted]) {
      const answer = await stranger.call('GET', historyOf(echo, `?before=${id}`));
      expect([answer.status, answer.text]).toEqual([404, unknown.text]);
    }
    expect((await user.call('GET', historyOf(echo, `?before=${foreign}`))).status).toBe(200);
  });

  test('gateway.md §4.3: lists and counts of who does not own the agent have chats and calls only', async () => {
    const [echo, owner] = await ownedEcho();
    const user = await signInUser(stack);
    const { session_id: chat } = (await user.chat(echo, 'Hello')).body;
    const principal = ownerPrincipal({ id: user.owner.id, displayName: null });
    const [task, voice] = [
      await createSideSession(database, principal, echo.id, new Date(), 'task'),
      await createSideSession(database, principal, echo.id, new Date(), 'voice'),
    ];
    const listed = async (who: GatewayUser, query = '') => {
      const { body } = await who.call('GET', `/api/agents/${echo.handle}/chat/sessions${query}`);
      expect(body.session_count).toBe(body.sessions.length);
      return body.sessions.map(({ id }: Parsed) => id) as string[];
    };
    expect(await listed(owner)).toEqual([voice._id, task._id, chat]);
    expect(await listed(user)).toEqual([voice._id, chat]);
    for (const [kind, id] of [
      ['chat', chat],
      ['voice', voice._id],
    ]) {
      expect(await listed(user, `?kind=${kind}`)).toEqual([id]);
    }
    expect(await listed(user, '?kind=task')).toEqual([]);
    expect(await listed(owner, '?kind=task')).toEqual([task._id]);
    expect(await listed(owner, '?kind=paid')).toEqual([]);
    expect((await user.call('GET', `/agents/${echo.handle}/conversations`)).body).toHaveLength(2);
    const refused = await user.call('GET', `/api/agents/${echo.handle}/chat/sessions?kind=talk`);
    expect([refused.status, refused.body.code]).toEqual([400, 'VALIDATION_ERROR']);
  });

  test('gateway.md §9.1: executions of one channel are listed alone, with the filters beside it', async () => {
    const [echo, user] = await ownedEcho();
    const { execution_id: chat } = (await user.chat(echo, 'Hello')).body;
    const { execution_id: task, session_id } = (await user.chat(echo, 'Do it')).body;
    await database.gatewayExecutions.updateOne({ _id: task }, { $set: { channel: 'task' } });
    const listed = async (query: string) =>
      (await user.call('GET', `/api/agents/${echo.handle}/executions${query}`)).body.map(({ id }: Parsed) => id);
    expect(await listed('')).toEqual([task, chat]);
    expect(await listed('?triggered_by=task')).toEqual([task]);
    expect(await listed('?triggered_by=chat&status=success')).toEqual([chat]);
    expect(await listed(`?triggered_by=task&session_id=${session_id}`)).toEqual([task]);
    expect(await listed('?triggered_by=voice')).toEqual([]);
    expect((await user.call('GET', `/api/agents/${echo.handle}/executions?triggered_by=x`)).status).toBe(400);
  });
});

describe('answers in several messages', () => {
  const { stack, database, url } = useStack();
  /** 40 KB: two messages. */
  const text = `${'A paragraph of an answer. '.repeat(40)}\n\n`.repeat(40);

  /** A user, and a turn that an agent answers over REST. */
  async function openTurn(body: object = {}) {
    const [user, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    await claim(user.owner, agent);
    const answer = user.chat(agent.agent, 'Tell me all', body);
    const open = await waitFor(async () => {
      const { turns } = (await call(url(), 'GET', '/v1/gateway/turns', { key: agent.apiKey })).body;
      return turns.length === 0 ? null : (turns[0] as Parsed);
    });
    return { user, agent, answer, executionId: open.execution_id as string, guest: open.sender as string };
  }
  const complete = ({ apiKey: key }: TestAgent, id: string, body: object = {}) =>
    call(url(), 'POST', `/v1/gateway/turns/${id}/complete`, { key, body: { client_msg_id: randomUUID(), ...body } });
  const say = ({ apiKey: key }: TestAgent, to: string, said: string, metadata: object = {}) =>
    call(url(), 'POST', '/v1/messages', {
      key,
      body: { to, type: 'text', content: { text: said }, metadata, client_msg_id: randomUUID() },
    });

  test('gateway#5: a reply in several messages is one in every history, with the id of the answer', async () => {
    const { user, agent, answer, executionId } = await openTurn();
    await complete(agent, executionId, { content: { text } });
    const { response, message_id, session_id, session } = (await answer).body;
    expect([response === text, session.message_count]).toEqual([true, 2]);
    const { handle } = agent.agent;
    const read = async (path: string) => (await user.call('GET', `/api/agents/${handle}/${path}`)).body;
    const expected = [
      [expect.any(String), 'user', 'Tell me all'],
      [message_id, 'assistant', text],
    ];
    const rowsOf = (messages: Parsed[]) => messages.map(({ id, role, content }) => [id, role, content]);
    const detail = await read(`chat/sessions/${session_id}`);
    expect([rowsOf(detail.messages), detail.message_count, detail.has_more]).toEqual([expected, 2, false]);
    expect(rowsOf((await read('chat/history/persistent')).messages)).toEqual(expected.toReversed());
    expect(rowsOf((await read('history')).messages)).toEqual(expected);
    expect((await read('chat/history')).map(({ content }: Parsed) => content)).toEqual(['Tell me all', text]);
    const older = await read(`chat/sessions/${session_id}?before=${message_id}`);
    expect([rowsOf(older.messages), older.has_more]).toEqual([expected.slice(0, 1), false]);
    const last = await read(`chat/sessions/${session_id}?limit=1`);
    expect([rowsOf(last.messages), last.has_more]).toEqual([expected.slice(1), true]);
    expect((await read(`chat/history/persistent?before=${message_id}`)).messages).toHaveLength(1);
  });

  test('gateway#14: a reply in several messages is unread once, and one mark reads all of it', async () => {
    const { user, agent, answer, executionId } = await openTurn({ timeout_seconds: 1 });
    expect((await answer).status).toBe(504);
    await complete(agent, executionId, { content: { text } });
    const path = `/agents/${agent.agent.handle}`;
    const inbox = async () => (await user.call('GET', `${path}/inbox`)).body;
    const { messages, unread_count } = await waitFor(async () => {
      const body = await inbox();
      return body.messages[0]?.execution_id === executionId ? (body as Parsed) : null;
    });
    expect([messages.length, unread_count, messages[0].content === text]).toEqual([1, 1, true]);
    expect(messages[0].late).toBe(false);
    const marked = await user.call('POST', `${path}/mark-read`, { body: { message_ids: [messages[0].id] } });
    expect(marked.body).toEqual({ marked: 1, unread_count: 0 });
    expect((await inbox()).messages).toEqual([]);
    expect(await database.envelopes.countDocuments({ senderId: agent.agent._id, status: 'read' })).toBe(2);
  });

  test('gateway#2: a late reply in several messages stands beside its turn as a whole', async () => {
    const { user, agent, answer, executionId } = await openTurn();
    const path = `/api/agents/${agent.agent.handle}/executions/${executionId}`;
    await user.call('POST', `${path}/cancel`);
    expect((await answer).status).toBe(409);
    await complete(agent, executionId, { content: { text } });
    const shown = await waitFor(async () => {
      const { body } = await user.call('GET', path);
      return body.late_response?.length === text.length ? (body as Parsed) : null;
    });
    expect([shown.status, shown.late_response === text, shown.response]).toEqual(['cancelled', true, null]);
    const { messages } = (await user.call('GET', `/api/agents/${agent.agent.handle}/chat/history/persistent`)).body;
    expect(messages[0]).toMatchObject({ late: true, execution_id: executionId, content: text });
    expect(messages).toHaveLength(2);
  });

  test('gateway#5: an answer that grows beyond 256 KiB by messages fails, and says why', async () => {
    const { user, agent, answer, executionId, guest } = await openTurn();
    const piece = 'x'.repeat(30_000);
    for (let count = 0; count < 9; count += 1) await say(agent, guest, piece, { gateway: { final: false } });
    const { status, body } = await answer;
    expect([status, body]).toMatchObject([
      502,
      { code: 'AGENT_ERROR', details: { execution_id: executionId, agent_code: 'response_too_large' } },
    ]);
    const path = `/api/agents/${agent.agent.handle}`;
    const execution = (await user.call('GET', `${path}/executions/${executionId}`)).body;
    expect(execution).toMatchObject({ status: 'failed', error_code: 'response_too_large' });
    const { messages } = (await user.call('GET', `${path}/chat/history/persistent`)).body;
    expect(messages).toHaveLength(10);
  });

  test('gateway.md §8.2: a file that comes with an answer is there to be fetched; one of others is not', async () => {
    const { user, agent, answer, executionId, guest } = await openTurn();
    const files = attachmentCalls(url);
    const [mine, other] = [
      await files.upload(agent, { to: guest }, textFile('the report')),
      await files.upload(await createTestAgent(database), {}, textFile('not yours')),
    ];
    const stolen = await complete(agent, executionId, { content: { text: 'See', attachment_id: other } });
    expect([stolen.status, stolen.body.code]).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    await complete(agent, executionId, { content: { text: 'See', attachment_id: mine } });
    const { body } = await answer;
    expect(body.attachments).toEqual([
      { attachment_id: mine, filename: 'note.txt', content_type: 'text/plain', size: 10, url: expect.any(String) },
    ]);
    expect(await (await fetch(files.here(body.attachments[0].url))).text()).toBe('the report');
    const path = `/api/agents/${agent.agent.handle}/chat/history/persistent`;
    const { messages } = (await user.call('GET', path)).body;
    expect(messages.map(({ attachments }: Parsed) => attachments)).toEqual([[{ attachment_id: mine }], []]);
  });

  test('gateway.md §8.2: what an answer has cost stands with it, its execution, and its session', async () => {
    const { user, agent, answer, executionId, guest } = await openTurn();
    const usage = {
      input_tokens: 10,
      output_tokens: 20,
      cost_usd: 0.1,
      model: 'm-1',
      context_used: 30,
      context_max: 99,
    };
    const tool_calls = [{ id: 't1', name: 'search', input: { q: 1 }, output: ['x'], is_error: false, duration_ms: 7 }];
    await say(agent, guest, 'One moment', { gateway: { final: false } });
    await say(agent, guest, 'Done', { gateway: { usage, tool_calls, execution_id: executionId } });
    const { body } = await answer;
    expect(body.metadata).toMatchObject({
      cost_usd: 0.1,
      input_tokens: 10,
      output_tokens: 20,
      context_window: 99,
      tool_count: 1,
    });
    const session = { total_cost_usd: 0.1, context_tokens: 30, context_window: 99, model: 'm-1' };
    expect(body.session).toMatchObject(session);
    const path = `/api/agents/${agent.agent.handle}`;
    const execution = (await user.call('GET', `${path}/executions/${executionId}`)).body;
    expect(execution).toMatchObject({ cost: 0.1, usage, context_used: 30, context_max: 99, tool_calls });
    expect((await user.call('GET', `${path}/executions`)).body[0].cost).toBe(0.1);
    const [last, interim, asked] = (await user.call('GET', `${path}/chat/history/persistent`)).body.messages;
    expect(last).toMatchObject({ content: 'Done', cost: 0.1, context_used: 30, context_max: 99 });
    expect(JSON.parse(last.tool_calls)).toEqual(tool_calls);
    for (const other of [interim, asked]) expect(other).toMatchObject({ cost: null, tool_calls: null });
    const second = user.chat(agent.agent, 'And?');
    const next = await waitFor(async () => {
      const { turns } = (await call(url(), 'GET', '/v1/gateway/turns', { key: agent.apiKey })).body;
      return (turns[0]?.execution_id as string | undefined) ?? null;
    });
    await complete(agent, next, { content: { text: 'That' }, usage: { cost_usd: 0.2, input_tokens: 'many' } });
    expect((await second).body.metadata).toMatchObject({ cost_usd: 0.2, input_tokens: 0, context_window: null });
    const [shown] = (await user.call('GET', `${path}/chat/sessions`)).body.sessions;
    expect(shown).toMatchObject({ total_cost: 0.3, total_context_used: 30, total_context_max: 99 });
  });
});
