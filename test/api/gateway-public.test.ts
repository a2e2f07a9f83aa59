import { randomUUID } from 'node:crypto';
import { call, type Parsed } from '../support/agents';
import { recordsOf, signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { answersTo, newLink, ownerOf, visitorCalls, type TestLink } from '../support/public-chat';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §6.2: visitors chat over a share link, without an account. */
describe('public chat', () => {
  const { stack, database, url } = useStack({ apis: 2 });
  const visitor = visitorCalls(url);
  const connected: SdkAgent[] = [];
  let echo: SdkAgent;
  let owner: GatewayUser;
  let link: TestLink;

  async function newEcho(): Promise<SdkAgent> {
    const agent = await startEcho(database, url());
    connected.push(agent);
    return agent;
  }
  /** An agent that reads and never answers, with a link. */
  async function silentLink(terms: object = {}) {
    const agent = await newEcho();
    agent.onMessage(() => Promise.resolve());
    return { agent, link: await newLink(await ownerOf(stack, agent), agent, terms) };
  }
  const statusOf = async (token: string, id: string, session_id: string): Promise<string> =>
    (await visitor.status(token, id, { session_id })).body.status;

  beforeAll(async () => {
    echo = await newEcho();
    owner = await ownerOf(stack, echo);
    link = await newLink(owner, echo, { welcome: 'Ask me anything' });
  });
  afterAll(() => connected.forEach((agent) => agent.disconnect()));

  test('gateway#1: a plain SDK agent answers a visitor, whose session goes on by its id', async () => {
    const first = await visitor.say(link.token, 'Good morning');
    const { session_id, execution_id } = first.body;
    expect([first.status, first.body]).toEqual([
      200,
      {
        response: 'You said: Good morning',
        session_id: expect.stringMatching(/^[\w-]{22}$/),
        execution_id: expect.stringMatching(/^exe_[\w-]{16}$/),
        status: 'completed',
        message_count: 2,
        usage: null,
      },
    ]);
    expect(first.headers.get('x-execution-id')).toBe(execution_id);
    expect(first.headers.get('x-session-id')).toBe(session_id);
    const second = await visitor.say(link.token, 'And again', { session_id }, 1);
    expect(second.body).toMatchObject({ session_id, message_count: 4 });
    expect(await visitor.history(link.token, { session_id })).toEqual({
      messages: [
        { role: 'user', content: 'Good morning', timestamp: expect.any(String) },
        { role: 'assistant', content: 'You said: Good morning', timestamp: expect.any(String) },
        { role: 'user', content: 'And again', timestamp: expect.any(String) },
        { role: 'assistant', content: 'You said: And again', timestamp: expect.any(String) },
      ],
      session_id,
      message_count: 4,
    });
  });

  test('the agent is told of a visitor, the same in all of a session; nothing it calls with is stored', async () => {
    const from = echo.received.length;
    const { session_id } = (await visitor.say(link.token, 'One')).body;
    await visitor.say(link.token, 'Two', { session_id });
    await visitor.say(link.token, 'Somebody else');
    const [one, two, other] = echo.received.slice(from).map(({ metadata }) => (metadata as Parsed).gateway);
    expect(one).toMatchObject({ v: 1, channel: 'public', stream: false, session_id: expect.stringMatching(/^ses_/) });
    expect(one.user).toEqual({
      id: expect.stringMatching(/^vis_[\w-]{16}$/),
      name: 'Visitor',
      kind: 'visitor',
      is_owner: false,
      verified_email: null,
    });
    expect([two.user, two.session_id]).toEqual([one.user, one.session_id]);
    expect(other.user.id).not.toBe(one.user.id);
    const rows = await Promise.all(
      [database.gatewaySessions, database.gatewayVisits, database.gatewayExecutions, database.gatewayLinks].map(
        (each) => each.find({} as never).toArray(),
      ),
    );
    const stored = JSON.stringify(rows);
    expect(stored).toContain(one.session_id);
    for (const secret of [session_id, link.token, '127.0.0.1']) expect(stored).not.toContain(secret);
  });

  test('the owner sees the sessions of visitors as of kind public, and the link counts what went over it', async () => {
    const counted = await newLink(owner, echo);
    const { session_id } = (await visitor.say(counted.token, 'One')).body;
    await visitor.say(counted.token, 'Two', { session_id });
    await visitor.say(counted.token, 'Three', { async_mode: true });
    const { usage } = (await owner.call('GET', counted.path)).body;
    expect(usage).toEqual({ sessions: 2, messages: 3, last_used_at: expect.stringMatching(/Z$/), unique_ips: 1 });
    const listed = (await owner.call('GET', `/api/agents/${echo.handle}/chat/sessions`)).body.sessions as Parsed[];
    expect(new Set(listed.map(({ kind }) => kind))).toEqual(new Set(['public']));
    expect(JSON.stringify(listed)).not.toContain(session_id);
  });

  test('an id of a session that this link never issued is not taken: a new one is made', async () => {
    const other = await newLink(owner, echo);
    const { session_id: foreign } = (await visitor.say(other.token, 'Elsewhere')).body;
    for (const session_id of [foreign, 'AAAAAAAAAAAAAAAAAAAAAA', 'ses_Kq3d0Zr5mTt1WbYp', '', null]) {
      const { status, body } = await visitor.say(link.token, 'Hi', { session_id });
      expect([status, body.message_count]).toEqual([200, 2]);
      expect(body.session_id).toMatch(/^[\w-]{22}$/);
      expect(body.session_id).not.toBe(session_id);
    }
    const nothing = { messages: [], session_id: null, message_count: 0 };
    expect(await visitor.history(link.token, { session_id: foreign })).toEqual(nothing);
    expect(await visitor.history(link.token)).toEqual(nothing);
  });

  test('stream:true shows the answer as server-sent events, and says how to come back', async () => {
    const response = await fetch(`${url()}/api/public/chat/${link.token}`, {
      method: 'POST',
      body: JSON.stringify({ message: 'Stream', stream: true }),
    });
    const session_id = response.headers.get('x-session-id') ?? '';
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const text = await response.text();
    expect(text).toMatch(/^: connected\n\n/);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    expect(recordsOf(text)).toEqual([
      { type: 'text', content: 'You said: Stream' },
      {
        type: 'done',
        content: '',
        execution_id: response.headers.get('x-execution-id'),
        conversation_id: session_id,
        message_id: expect.stringMatching(/^msg_/),
      },
    ]);
    expect((await visitor.history(link.token, { session_id })).message_count).toBe(2);
  });

  test('async_mode:true is a 202; status and stream tell its visitor what became of it', async () => {
    const { status, body } = await visitor.say(link.token, 'Later', { async_mode: true });
    const { execution_id, session_id } = body;
    expect([status, body]).toEqual([
      202,
      {
        status: 'accepted',
        execution_id: expect.stringMatching(/^exe_/),
        agent_name: echo.handle,
        session_id: expect.stringMatching(/^[\w-]{22}$/),
        async_mode: true,
      },
    ]);
    await waitFor(async () => (await statusOf(link.token, execution_id, session_id)) === 'completed');
    expect((await visitor.status(link.token, execution_id, { session_id })).body).toEqual({
      execution_id,
      status: 'completed',
      response: 'You said: Later',
      error: null,
    });
    const path = `${url(1)}/api/public/executions/${link.token}/${execution_id}/stream?session_id=${session_id}`;
    const whole = await (await fetch(path)).text();
    const texts = recordsOf(whole).filter(({ type }) => type === 'text');
    expect(texts.map(({ content }) => content)).toEqual(['You said: Later']);
    const [, last = ''] = [...whole.matchAll(/^id: (\d+)$/gm)].at(-2) ?? [];
    const rest = recordsOf(await (await fetch(path, { headers: { 'last-event-id': last } })).text());
    expect(rest.map(({ type }) => type)).toEqual(['done']);
  });

  test('who has waited long enough polls at an address of its own, and is told no id of the platform', async () => {
    const { link: quiet } = await silentLink();
    const { status, body } = await visitor.say(quiet.token, 'Hello?', { timeout_seconds: 1 });
    const { session_id, execution_id, poll } = body.details;
    expect([status, body.code, session_id]).toEqual([504, 'TURN_TIMEOUT', expect.stringMatching(/^[\w-]{22}$/)]);
    expect(poll).toBe(`/api/public/executions/${quiet.token}/${execution_id}/status`);
    const polled = await call(url(), 'GET', `${poll}?session_id=${session_id}`);
    expect([polled.status, ['queued', 'running'].includes(polled.body.status)]).toEqual([200, true]);
  });

  test('§9.3: a visitor cancels its own turn once, and nobody else does', async () => {
    const { link: quiet } = await silentLink();
    const waiting = visitor.say(quiet.token, 'Hello?', { stream: true });
    const { body: mine } = await visitor.say(quiet.token, 'Mine', { async_mode: true });
    const { execution_id, session_id } = mine;
    const { session_id: stranger } = (await visitor.say(quiet.token, 'Not yours', { async_mode: true })).body;
    const unknown = await visitor.status(quiet.token, 'exe_V0h1uE3qXn8JcR5s', { session_id });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'EXECUTION_NOT_FOUND']);
    const queries: Record<string, string>[] = [{}, { session_id: stranger }, { session_token: session_id }];
    for (const query of queries) {
      const answers = [
        await visitor.status(quiet.token, execution_id, query),
        await visitor.terminate(quiet.token, execution_id, query),
        await visitor.at('GET', `executions/${quiet.token}/${execution_id}/stream`, { query }),
      ];
      expect(answers.map(({ status, text }) => [status, text])).toEqual(answers.map(() => [404, unknown.text]));
    }
    const cancelled = await visitor.terminate(quiet.token, execution_id, { session_id });
    expect([cancelled.status, cancelled.body.execution_id]).toEqual([200, execution_id]);
    expect(['terminated', 'cancelled_while_queued']).toContain(cancelled.body.status);
    const again = await visitor.terminate(quiet.token, execution_id, { session_id });
    expect(again.body).toEqual({ status: 'already_finished', execution_id });
    await quiet.owner.call('DELETE', quiet.path);
    const streamed = recordsOf((await waiting).text);
    expect(streamed.map(({ type, code }) => [type, code])).toEqual([['error', 'TURN_CANCELLED']]);
  });

  test('clearing ends the session and its open turns; its id is worth nothing from then on', async () => {
    const { link: quiet } = await silentLink();
    const { session_id, execution_id } = (await visitor.say(quiet.token, 'One', { async_mode: true })).body;
    const cleared = await visitor.clear(quiet.token, { session_id });
    const { new_session_id } = cleared.body;
    expect([cleared.status, cleared.body]).toEqual([
      200,
      { cleared: true, new_session_id: expect.stringMatching(/^[\w-]{22}$/) },
    ]);
    expect((await database.gatewayExecutions.findOne({ _id: execution_id }))?.status).toBe('cancelled');
    expect((await visitor.history(quiet.token, { session_id })).message_count).toBe(0);
    expect((await visitor.say(quiet.token, 'Back', { session_id, async_mode: true })).body.session_id).not.toBe(
      session_id,
    );
    const next = await visitor.say(quiet.token, 'Two', { session_id: new_session_id, async_mode: true });
    expect(next.body.session_id).toBe(new_session_id);
    const unknown: Record<string, string>[] = [{ session_id }, {}];
    for (const query of unknown) expect((await visitor.clear(quiet.token, query)).status).toBe(200);
  });

  test('gateway#8: a link works for an agent that takes contacts only, whoever else is refused', async () => {
    const closed = await newEcho();
    const its = await newLink(await ownerOf(stack, closed), closed);
    await database.agents.updateOne({ _id: closed.id }, { $set: { 'settings.inboxMode': 'contacts_only' } });
    const stranger = await signInUser(stack);
    expect((await stranger.chat(closed, 'Hi')).body.code).toBe('INBOX_RESTRICTED');
    const first = await visitor.say(its.token, 'Hi');
    expect([first.status, first.body.response]).toEqual([200, 'You said: Hi']);
  });

  test('§1.2: a paused agent takes what nobody waits for; a suspended one nothing', async () => {
    const agent = await newEcho();
    const its = await newLink(await ownerOf(stack, agent), agent);
    const set = (change: object) => database.agents.updateOne({ _id: agent.id }, { $set: change });
    await set({ pausedByOwner: 'full' });
    for (const more of [{}, { stream: true }]) {
      const { status, body } = await visitor.say(its.token, 'Hi', more);
      expect([status, body.code, body.details]).toEqual([503, 'AGENT_UNAVAILABLE', { reason: 'paused' }]);
    }
    expect(await visitor.link(its.token)).toMatchObject({ valid: true, agent_available: false });
    expect((await visitor.say(its.token, 'Later', { async_mode: true })).status).toBe(202);
    await set({ pausedByOwner: 'none', status: 'suspended' });
    for (const more of [{}, { async_mode: true }]) {
      expect((await visitor.say(its.token, 'Hi', more)).body.code).toBe('AGENT_SUSPENDED');
    }
    await set({ status: 'active' });
    expect(await visitor.link(its.token)).toEqual({
      valid: true,
      require_email: false,
      agent_available: true,
      agent_display_name: agent.handle,
      agent_description: null,
      welcome: null,
    });
  });

  test('gateway#9: wrong, expired, disabled, rotated, deleted, used up, unclaimed: one answer to the byte', async () => {
    const linkOf = (terms: object = {}) => newLink(owner, echo, terms);
    const [disabled, expired, rotated, deleted, usedUp] = await Promise.all([
      linkOf({ require_email: true }),
      linkOf({ expires_at: new Date(Date.now() + 60_000).toISOString() }),
      linkOf(),
      linkOf(),
      linkOf({ max_messages: 1 }),
    ]);
    await owner.call('PUT', disabled.path, { body: { enabled: false } });
    await database.gatewayLinks.updateOne({ _id: expired.id }, { $set: { expiresAt: new Date(Date.now() - 1) } });
    await owner.call('POST', `${rotated.path}/rotate`);
    await owner.call('DELETE', deleted.path);
    expect((await visitor.say(usedUp.token, 'The one')).status).toBe(200);
    const leaving = await newEcho();
    const former = await ownerOf(stack, leaving);
    const unclaimed = await newLink(former, leaving);
    await former.owner.call('DELETE', `/dashboard/agents/${leaving.handle}`);
    const wrong = 'A'.repeat(32);
    const expected = { code: 'LINK_NOT_FOUND', message: 'Invalid or expired link', detail: 'Invalid or expired link' };
    for (const token of [wrong, ...[disabled, expired, rotated, deleted, usedUp, unclaimed].map((one) => one.token)]) {
      const answers = await answersTo(url, token);
      expect(answers.map(({ status, text }) => [status, text])).toEqual(
        answers.map(() => [404, JSON.stringify(expected)]),
      );
      const names = (headers: Headers) => [...headers.keys()].sort();
      expect(answers.map(({ headers }) => names(headers))).toEqual(
        (await answersTo(url, wrong)).map(({ headers }) => names(headers)),
      );
      expect(await visitor.link(token)).toEqual({
        valid: false,
        reason: 'invalid_or_expired',
        require_email: false,
        agent_available: false,
        agent_display_name: null,
        agent_description: null,
        welcome: null,
      });
    }
  });

  test('a link takes as many messages as it allows, also at once; who was there hears its answer', async () => {
    const few = await newLink(owner, echo, { max_messages: 5 });
    const all = await Promise.all(Array.from({ length: 12 }, (_, n) => visitor.say(few.token, `${n}`, {}, n % 2)));
    const taken = all.filter(({ status }) => status === 200);
    expect([taken.length, all.filter(({ status }) => status === 404).length]).toEqual([5, 7]);
    expect((await owner.call('GET', few.path)).body.usage.messages).toBe(5);
    for (const { body } of taken) {
      const { session_id, execution_id } = body;
      expect((await visitor.history(few.token, { session_id })).message_count).toBe(2);
      expect((await visitor.status(few.token, execution_id, { session_id })).body.status).toBe('completed');
    }
    await owner.call('PUT', few.path, { body: { max_messages: 6 } });
    expect((await visitor.say(few.token, 'One more')).status).toBe(200);
  });

  test('§1.1: a guest that the agent blocks is refused; the third within a day disables the link', async () => {
    const agent = await newEcho();
    const its = await newLink(await ownerOf(stack, agent), agent);
    const as = (method: string, path: string, body?: object) =>
      call(url(), method, `/v1/contacts/${path}`, { key: agent.account.apiKey, body });
    const begin = async () => {
      const { body } = await visitor.say(its.token, 'Hi');
      return { session_id: body.session_id as string, guest: agent.received.at(-1)?.sender ?? '' };
    };
    const [one, two, three, four] = [await begin(), await begin(), await begin(), await begin()];
    await as('POST', `${one.guest}/block`);
    for (const more of [{}, { stream: true }, { async_mode: true }]) {
      const { status, body } = await visitor.say(its.token, 'Hello?', { session_id: one.session_id, ...more });
      expect([status, body.code]).toEqual([403, 'BLOCKED']);
    }
    // The same guest counts once, whatever is done to it.
    await as('DELETE', `${one.guest}/block`);
    await as('POST', `${one.guest}/block`);
    await as('POST', `${one.guest}/report`, { reason: 'spam' });
    await as('POST', `${two.guest}/report`, { reason: 'spam' });
    expect((await visitor.say(its.token, 'Me', { session_id: four.session_id })).status).toBe(200);
    await as('POST', `${three.guest}/block`);
    expect((await visitor.say(its.token, 'Me', { session_id: four.session_id })).body.code).toBe('LINK_NOT_FOUND');
    expect((await its.owner.call('GET', its.path)).body.enabled).toBe(false);
    // Its owner has seen it: three more it takes from then on.
    expect((await its.owner.call('PUT', its.path, { body: { enabled: true } })).status).toBe(200);
    await as('POST', `${four.guest}/block`);
    expect((await visitor.say(its.token, 'New here')).status).toBe(200);
  });

  test('complaints of more than a day ago count no more, and those of two at once both do', async () => {
    const agent = await newEcho();
    const its = await newLink(await ownerOf(stack, agent), agent);
    const block = (guest: string, node: number) =>
      call(url(node), 'POST', `/v1/contacts/${guest}/block`, { key: agent.account.apiKey });
    const guests: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      await visitor.say(its.token, 'Hi');
      guests.push(agent.received.at(-1)?.sender ?? '');
    }
    const [a = '', b = '', c = '', d = '', e = ''] = guests;
    await Promise.all([block(a, 0), block(b, 1)]);
    const old = new Date(Date.now() - 86_400_001);
    await database.gatewayLinks.updateOne({ _id: its.id }, { $set: { 'complaints.$[].at': old } });
    await Promise.all([block(c, 0), block(d, 1)]);
    expect((await visitor.link(its.token)).valid).toBe(true);
    await block(e, 0);
    expect((await visitor.link(its.token)).valid).toBe(false);
  });

  test('gateway#2: an agent answers twice, and late, into the history of its visitor', async () => {
    const { agent, link: quiet } = await silentLink();
    const { session_id, execution_id } = (await visitor.say(quiet.token, 'Hi', { async_mode: true })).body;
    await waitFor(() => agent.received.length > 0);
    const [message] = agent.received;
    await visitor.terminate(quiet.token, execution_id, { session_id });
    for (const text of ['Late', 'Later']) {
      const to = message?.sender ?? '';
      await agent.client.sendMessage({ to, content: { text }, client_msg_id: randomUUID() });
    }
    await waitFor(async () => (await visitor.history(quiet.token, { session_id })).message_count === 3);
    const { messages } = await visitor.history(quiet.token, { session_id });
    expect(messages.map(({ content }: Parsed) => content)).toEqual(['Hi', 'Late', 'Later']);
  });

  test('any page may call the public chat, whatever other origins may not, and never with credentials', async () => {
    for (const method of ['OPTIONS', 'POST']) {
      const response = await fetch(`${url()}/api/public/chat/${link.token}`, {
        method,
        headers: { origin: 'https://blog.example', 'access-control-request-method': 'POST' },
        ...(method === 'POST' ? { body: JSON.stringify({ message: 'Hi' }) } : {}),
      });
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(response.headers.get('access-control-allow-credentials')).toBeNull();
      expect(response.headers.get('access-control-expose-headers')).toContain('X-Session-Id');
      if (method === 'OPTIONS') expect(response.headers.get('access-control-allow-headers')).toContain('Last-Event-ID');
    }
  });
});
