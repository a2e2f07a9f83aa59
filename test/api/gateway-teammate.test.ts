import { randomUUID } from 'node:crypto';
import { call, type Parsed } from '../support/agents';
import { claim } from '../support/owners';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

describe('keys of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const callWith = (key: string, method: string, path: string, body?: unknown) =>
    call(url(1), method, path, { key, ...(body === undefined ? {} : { body }) });

  test('a key is shown once, chats as JSON by default, and is worth nothing once it is revoked', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const made = await user.call('POST', '/api/keys', { body: { name: 'CI' } });
    expect([made.status, made.body]).toMatchObject([201, { name: 'CI', scope: 'global' }]);
    expect(made.body.key).toMatch(/^gwk_[A-Za-z0-9_-]{43}$/);
    expect(made.body.callback_secret).toMatch(/^whsec_/);
    const { key, id } = made.body;
    const answer = await callWith(key, 'POST', `/api/agents/${echo.handle}/chat`, { message: 'Hi' });
    expect([answer.status, answer.body.response]).toEqual([200, 'You said: Hi']);
    const listed = await user.call('GET', '/api/keys');
    expect(listed.text).not.toContain(key);
    expect(listed.body).toMatchObject([{ id, key_prefix: key.slice(0, 12), last_used_at: expect.any(String) }]);
    expect((await user.call('DELETE', `/api/keys/${id}`)).status).toBe(204);
    const refused = await callWith(key, 'GET', '/api/agents');
    expect([refused.status, refused.body.code]).toEqual([401, 'INVALID_API_KEY']);
    expect((await user.call('DELETE', `/api/keys/${id}`)).status).toBe(404);
    echo.disconnect();
  });

  test('a key for one agent is refused at another, and no key manages keys', async () => {
    const [user, one, other] = await Promise.all([
      signInUser(stack),
      startEcho(database, url()),
      startEcho(database, url()),
    ]);
    const { key } = (await user.call('POST', '/api/keys', { body: { name: 'one', agent_id: one.handle } })).body;
    expect((await callWith(key, 'POST', `/agents/${one.handle}/chat`, { message: 'Hi' })).status).toBe(200);
    for (const [method, path, body] of [
      ['POST', `/agents/${other.handle}/chat`, { message: 'Hi' }],
      ['GET', `/agents/${other.handle}/history`, undefined],
      ['POST', '/api/keys', { name: 'more' }],
      ['GET', '/api/keys', undefined],
    ] as const) {
      const answer = await callWith(key, method, path, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'FORBIDDEN']);
    }
    one.disconnect();
    other.disconnect();
  });

  test("an application sees its own conversations, not those of its owner's other keys", async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    await claim(user.owner, echo.account);
    const keyOf = async (name: string) => (await user.call('POST', '/api/keys', { body: { name } })).body.key as string;
    const [one, other] = [await keyOf('one'), await keyOf('other')];
    const { session_id: id } = (await callWith(one, 'POST', `/agents/${echo.handle}/chat`, { message: 'Hi' })).body;
    expect((await callWith(one, 'GET', `/agents/${echo.handle}/conversations`)).body).toMatchObject([{ id }]);
    expect((await callWith(other, 'GET', `/agents/${echo.handle}/conversations`)).body).toEqual([]);
    const foreign = await callWith(other, 'GET', `/agents/${echo.handle}/history?conversation_id=${id}`);
    expect([foreign.status, foreign.body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
    const seen = await user.call('GET', `/api/agents/${echo.handle}/chat/sessions`);
    expect(seen.body.sessions).toMatchObject([{ id, user_email: user.owner.email }]);
    echo.disconnect();
  });
});

describe('the teammate shape of the chat gateway', () => {
  const { stack, database, url } = useStack();

  const say = (agent: SdkAgent, to: string, text: string) =>
    agent.client.sendMessage({ to, content: { text }, client_msg_id: randomUUID() });

  /** A user with one turn that nobody waits for any more, and the guest that wrote it. */
  async function askInVain(agent: SdkAgent): Promise<{ user: GatewayUser; guest: string; sessionId: string }> {
    const user = await signInUser(stack);
    const { body } = await user.chat(agent, 'Anybody there?', { timeout_seconds: 1 });
    return { user, guest: agent.received.at(-1)?.sender ?? '', sessionId: body.details.session_id };
  }

  test('gateway#2: conversations are made, named, listed and deleted, and their guest is gone with them', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const path = `/agents/${echo.handle}/conversations`;
    const made = await user.call('POST', path, { body: { title: 'Plans' } });
    expect([made.status, made.body]).toMatchObject([
      201,
      { agent_id: echo.id, title: 'Plans', message_count: 0, unread_count: 0, last_message_at: null },
    ]);
    const { body } = await user.chat(echo, 'Hi');
    expect(body.conversation_id).toBe(made.body.id);
    expect((await user.call('PUT', `${path}/${made.body.id}`, { body: { title: 'Better' } })).body.title).toBe(
      'Better',
    );
    expect((await user.call('GET', `/api${path}`)).body).toMatchObject([{ title: 'Better', message_count: 2 }]);
    const guest = echo.received[0]?.sender ?? '';
    const removed = await user.call('DELETE', `${path}/${made.body.id}`);
    expect([removed.status, removed.body]).toEqual([200, { status: 'deleted', id: made.body.id }]);
    expect((await user.call('DELETE', `${path}/${made.body.id}`)).status).toBe(404);
    expect((await user.call('GET', path)).body).toEqual([]);
    expect((await user.call('GET', `/agents/${echo.handle}/history`)).body).toEqual({ messages: [] });
    await expect(say(echo, guest, 'Hello?')).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    echo.disconnect();
  });

  test('history is the newest messages of all conversations, oldest first, or of one', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url(), (text) => `re ${text}`)]);
    const sessions: string[] = [];
    for (const text of ['a', 'b', 'c']) {
      sessions.push((await user.chat(echo, text, { new_session: true })).body.session_id);
    }
    const path = `/agents/${echo.handle}/history`;
    const textsOf = (answer: { body: Parsed }) =>
      (answer.body.messages as { role: string; content: string }[]).map(({ role, content }) => `${role}: ${content}`);
    const all = ['a', 'b', 'c'].flatMap((text) => [`user: ${text}`, `assistant: re ${text}`]);
    expect(textsOf(await user.call('GET', path))).toEqual(all);
    expect(textsOf(await user.call('GET', `${path}?limit=3`))).toEqual(all.slice(-3));
    expect(textsOf(await user.call('GET', `${path}?conversation_id=${sessions[1]}`))).toEqual(all.slice(2, 4));
    const newest = (await user.call('GET', `${path}?limit=3`)).body.messages as { id: string }[];
    expect(textsOf(await user.call('GET', `${path}?limit=2&before=${newest[0]?.id}`))).toEqual(all.slice(1, 3));
    echo.disconnect();
  });

  test('gateway#14: an answer that nobody waited for is in the inbox until it is marked, once', async () => {
    const agent = await SdkAgent.create(database, url());
    await agent.connect();
    const { user, guest, sessionId } = await askInVain(agent);
    await say(agent, guest, 'I am back');
    await say(agent, guest, 'And there is more');
    const inbox = () => user.call('GET', `/agents/${agent.handle}/inbox`);
    await waitFor(async () => (await inbox()).body.unread_count === 2, { describe: 'two unread messages' });
    const [first, second] = (await inbox()).body.messages as { content: string; id: string }[];
    expect([first, second]).toMatchObject([
      { content: 'I am back', conversation_id: sessionId, role: 'assistant', late: false },
      { content: 'And there is more', execution_id: null },
    ]);
    const mark = (body: object) => user.call('POST', `/agents/${agent.handle}/mark-read`, { body });
    expect((await mark({ message_ids: [first?.id, 'msg_0000000000000000'] })).body).toEqual({
      marked: 1,
      unread_count: 1,
    });
    expect((await mark({ message_ids: [first?.id] })).body).toEqual({ marked: 0, unread_count: 1 });
    expect((await mark({ conversation_id: sessionId, up_to: second?.id })).body).toEqual({
      marked: 1,
      unread_count: 0,
    });
    expect((await mark({})).body).toEqual({ marked: 0, unread_count: 0 });
    await waitFor(() => agent.reads.some(({ through_seq }) => through_seq === 3), { describe: 'the read receipt' });
    agent.disconnect();
  });

  test('gateway#14: what was answered whole is not in the inbox, what broke off on the way is', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const inbox = async () => (await user.call('GET', `/agents/${echo.handle}/inbox`)).body.unread_count as number;
    await user.chat(echo, 'as JSON');
    await (await user.stream(`/agents/${echo.handle}/chat/stream`, { body: { message: 'as events' } })).text();
    await waitFor(async () => (await inbox()) === 0, { describe: 'an empty inbox' });

    const slow = await SdkAgent.create(database, url());
    await slow.connect();
    const leaving = new AbortController();
    const stream = await user.stream(`/agents/${slow.handle}/chat/stream`, {
      body: { message: 'Hi' },
      signal: leaving.signal,
    });
    await waitFor(() => slow.received.length === 1, { describe: 'the message' });
    leaving.abort();
    await expect(stream.text()).rejects.toThrow();
    await say(slow, slow.received[0]?.sender ?? '', 'Too late for you');
    const path = `/agents/${slow.handle}/inbox`;
    await waitFor(async () => (await user.call('GET', path)).body.unread_count === 1, { describe: 'one unread' });
    const { session_id: id } = (await user.call('GET', `/api/agents/${slow.handle}/executions`)).body[0];
    expect((await user.call('GET', `/api/agents/${slow.handle}/chat/sessions/${id}`)).body.session.unread_count).toBe(
      1,
    );
    [echo, slow].forEach((agent) => agent.disconnect());
  });
});
