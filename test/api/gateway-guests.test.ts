import { randomUUID } from 'node:crypto';
import { call, createTestAgent, type CallOptions, type TestAgent } from '../support/agents';
import { claim } from '../support/owners';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §1.1: what agents see of the guests that users speak through. */
describe('guests of the gateway', () => {
  const { stack, database, url } = useStack();
  let echo: SdkAgent;
  let user: GatewayUser;
  /** The guest of the user's first session with `echo`, which `echo` has answered. */
  let guest: string;
  let stranger: TestAgent;

  beforeAll(async () => {
    [echo, user, stranger] = await Promise.all([
      startEcho(database, url()),
      signInUser(stack),
      createTestAgent(database),
    ]);
    await claim(user.owner, echo.account);
    expect((await user.chat(echo, 'Hi')).status).toBe(200);
    guest = echo.received[0]?.sender ?? '';
  });
  afterAll(() => echo.disconnect());

  const as = (who: TestAgent, method: string, path: string, options: CallOptions = {}) =>
    call(url(), method, path, { key: who.apiKey, ...options });
  /** The guest of a session of its own, whose user `echo` has answered once. */
  async function newGuest(): Promise<{ guest: string; session_id: string }> {
    const { status, body } = await user.chat(echo, 'Me again', { new_session: true });
    expect(status).toBe(200);
    return { guest: echo.received.at(-1)?.sender ?? '', session_id: body.session_id };
  }

  test('nobody registers a handle that begins as those of guests do: it is as reserved as `admin`', async () => {
    const register = (handle: string) =>
      call(url(), 'POST', '/v1/register', { body: { email: 'someone@example.com', handle } });
    const reserved = await register('admin');
    expect([reserved.status, reserved.body.code]).toEqual([400, 'INVALID_HANDLE']);
    for (const handle of ['guest-a', 'guest-abcdefghijklmnopqrst', guest]) {
      const { status, text } = await register(handle);
      expect([handle, status, text]).toEqual([handle, 400, reserved.text]);
    }
  });

  test("the session's agent sees the profile of a visitor", async () => {
    for (const typed of [guest, `@${guest.toUpperCase()}`]) {
      const { status, body } = await as(echo.account, 'GET', `/v1/agents/${typed}`);
      expect([status, body]).toEqual([
        200,
        {
          handle: guest,
          display_name: 'Visitor',
          description: 'Gateway guest',
          avatar_url: null,
          status: 'active',
          is_system: false,
          created_at: expect.stringMatching(/Z$/),
        },
      ]);
    }
  });

  test("a user's display name is what its guests are called from then on", async () => {
    await database.owners.updateOne({ _id: user.owner.id }, { $set: { displayName: 'Ada Lovelace' } });
    const named = await newGuest();
    await database.owners.updateOne({ _id: user.owner.id }, { $set: { displayName: null } });
    const { body } = await as(echo.account, 'GET', `/v1/agents/${named.guest}`);
    expect(body.display_name).toBe('Ada Lovelace');
    const [message] = echo.received.slice(-1);
    expect(message?.context?.sender).toMatchObject({ kind: 'agent', display_name: 'Ada Lovelace' });
    expect(message?.metadata).toMatchObject({ gateway: { user: { name: 'Ada Lovelace' } } });
  });

  test('gateway#7: for anybody else, and without a key, a guest is a handle that was never registered', async () => {
    const keys = [{ key: stranger.apiKey }, {}, { key: 'ac_live_made_up' }, { key: user.owner.accessToken }];
    for (const key of keys) {
      const unknown = await call(url(), 'GET', '/v1/agents/nobody-at-all', key);
      expect([unknown.status, unknown.body.code]).toEqual([404, 'AGENT_NOT_FOUND']);
      const guessed = await call(url(), 'GET', '/v1/agents/guest-abcdefghijklmnopqrst', key);
      const hidden = await call(url(), 'GET', `/v1/agents/${guest}`, key);
      expect([guessed.text, hidden.status, hidden.text]).toEqual([unknown.text, 404, unknown.text]);
    }
  });

  test('whatever a stranger does to a guest, it is told what it is told of an unknown handle', async () => {
    const group = await as(stranger, 'POST', '/v1/groups', { body: { name: 'Us' } });
    const members = `/v1/groups/${group.body.group.id}/members`;
    const messages = (to: string) => ({ to, client_msg_id: randomUUID(), content: { text: 'Psst' } });
    const calls: [string, (handle: string) => string, (handle: string) => object | undefined][] = [
      ['POST', () => '/v1/messages', messages],
      ['POST', () => '/v1/contacts', (handle) => ({ handle })],
      ['GET', (handle) => `/v1/contacts/${handle}`, () => undefined],
      ['PATCH', (handle) => `/v1/contacts/${handle}`, () => ({ notes: 'met' })],
      ['DELETE', (handle) => `/v1/contacts/${handle}`, () => undefined],
      ['POST', (handle) => `/v1/contacts/${handle}/block`, () => undefined],
      ['DELETE', (handle) => `/v1/contacts/${handle}/block`, () => undefined],
      ['POST', (handle) => `/v1/contacts/${handle}/report`, () => ({ reason: 'spam' })],
      ['POST', () => '/v1/mutes', (target_handle) => ({ target_kind: 'agent', target_handle })],
      ['GET', (handle) => `/v1/mutes/agent/${handle}`, () => undefined],
      ['DELETE', (handle) => `/v1/mutes/agent/${handle}`, () => undefined],
      ['GET', (handle) => `/v1/presence/${handle}`, () => undefined],
      ['POST', () => members, (handle) => ({ handle })],
      ['DELETE', (handle) => `${members}/${handle}`, () => undefined],
      ['PATCH', (handle) => `/v1/agents/${handle}`, () => ({ description: 'mine' })],
      ['DELETE', (handle) => `/v1/agents/${handle}`, () => undefined],
    ];
    for (const [method, path, body] of calls) {
      const answers = [];
      for (const handle of ['nobody-at-all', guest]) {
        const { status, text } = await as(stranger, method, path(handle), { body: body(handle) });
        answers.push([method, path('…'), status, text.replaceAll(handle, '…')]);
      }
      expect(answers[1]).toEqual(answers[0]);
      expect([method, path('…'), Number(answers[0]?.[2]) >= 400]).toEqual([method, path('…'), true]);
    }
  });

  test('a guest is in no directory, has no presence and joins no group, for its agent neither', async () => {
    const unknown = (await as(echo.account, 'GET', '/v1/presence/nobody-at-all')).text;
    const presence = await as(echo.account, 'GET', `/v1/presence/${guest}`);
    expect([presence.status, presence.text]).toEqual([404, unknown]);
    const found = await as(echo.account, 'GET', `/v1/directory?q=${guest.slice(0, 10)}`);
    expect(found.body).toMatchObject({ agents: [], total: 0 });
    const created = await as(echo.account, 'POST', '/v1/groups', { body: { name: 'Us', member_handles: [guest] } });
    const path = `/v1/groups/${created.body.group.id}`;
    const added = await as(echo.account, 'POST', `${path}/members`, { body: { handle: guest } });
    expect([added.status, added.body.code]).toEqual([404, 'AGENT_NOT_FOUND']);
    const { members } = (await as(echo.account, 'GET', path)).body as { members: { handle: string }[] };
    expect(members.map(({ handle }) => handle)).toEqual([echo.handle]);
  });

  test('answering a guest forms no contact, and none can be added', async () => {
    const added = await as(echo.account, 'POST', '/v1/contacts', { body: { handle: guest } });
    expect([added.status, added.body.code]).toEqual([404, 'AGENT_NOT_FOUND']);
    expect((await as(echo.account, 'GET', '/v1/contacts')).body).toMatchObject({ contacts: [], total: 0 });
  });

  test('the agent may write to its guest as often as it likes, in the conversation that they have', async () => {
    const texts = ['one', 'two', 'three'];
    const own = await newGuest();
    for (const text of texts) {
      await echo.client.sendMessage({ to: own.guest, content: { text }, client_msg_id: randomUUID() });
    }
    const path = `/api/agents/${echo.handle}/chat/sessions/${own.session_id}`;
    const shown = (await user.call('GET', path)).body.messages as { content: string }[];
    expect(shown.map(({ content }) => content).slice(-3)).toEqual(texts);
  });

  test('a guest that its agent blocks is answered 403 from then on, in its session only', async () => {
    const blocked = await newGuest();
    expect((await as(echo.account, 'POST', `/v1/contacts/${blocked.guest}/block`)).status).toBe(200);
    for (const message of ['Hello?', 'Anybody?']) {
      const { status, body } = await user.chat(echo, message, { session_id: blocked.session_id });
      expect([status, body]).toEqual([
        403,
        {
          code: 'BLOCKED',
          message: expect.any(String),
          details: { execution_id: expect.stringMatching(/^exe_[\w-]{16}$/) },
          detail: body.message,
        },
      ]);
    }
    expect((await user.chat(echo, 'Elsewhere', { new_session: true })).status).toBe(200);
    await as(echo.account, 'DELETE', `/v1/contacts/${blocked.guest}/block`);
    expect((await user.chat(echo, 'Back', { session_id: blocked.session_id })).status).toBe(200);
  });

  test('an agent reports and mutes its guest as it does any sender', async () => {
    const own = await newGuest();
    const mute = { target_kind: 'agent', target_handle: own.guest };
    expect((await as(echo.account, 'POST', '/v1/mutes', { body: mute })).status).toBe(201);
    expect((await as(echo.account, 'GET', `/v1/mutes/agent/${own.guest}`)).status).toBe(200);
    const report = await as(echo.account, 'POST', `/v1/contacts/${own.guest}/report`, { body: { reason: 'spam' } });
    expect([report.status, report.body]).toEqual([200, { ok: true }]);
  });

  test('a user begins more than 100 sessions with an agent, one after another', async () => {
    const before = echo.received.length;
    for (let count = 0; count < 105; count += 5) {
      const turns = Array.from({ length: 5 }, () => user.chat(echo, 'Hi', { new_session: true }));
      expect((await Promise.all(turns)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    }
    await waitFor(() => echo.received.length - before === 105, { describe: 'all messages' });
    const senders = echo.received.slice(before).map(({ sender }) => sender);
    expect(new Set(senders).size).toBe(105);
  });
});
