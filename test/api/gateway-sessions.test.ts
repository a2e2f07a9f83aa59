import { randomUUID } from 'node:crypto';
import { newGatewayId, newId } from '../../platform/ids';
import type { CallAnswer, Parsed } from '../support/agents';
import { linesOf, signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §4.3: sessions and what was said in them. */
describe('sessions of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const agents: SdkAgent[] = [];
  afterAll(() => agents.forEach((agent) => agent.disconnect()));
  /** An agent that answers, and its owner. */
  async function ownedEcho(): Promise<[SdkAgent, GatewayUser]> {
    const [echo, owner] = await Promise.all([startEcho(database, url()), signInUser(stack)]);
    await claim(owner.owner, echo.account);
    agents.push(echo);
    return [echo, owner];
  }
  /** An agent that answers nothing by itself, and its owner. */
  async function ownedSilent(): Promise<[SdkAgent, GatewayUser]> {
    const [silent, owner] = await Promise.all([SdkAgent.create(database, url()), signInUser(stack)]);
    await Promise.all([claim(owner.owner, silent.account), silent.connect()]);
    agents.push(silent);
    return [silent, owner];
  }
  const sessionsOf = ({ handle }: SdkAgent, rest = '') => `/api/agents/${handle}/chat/sessions${rest}`;
  const idsOf = ({ body }: CallAnswer): string[] => body.sessions.map(({ id }: Parsed) => id);
  /** Says something in a session of its own. @returns the session's id */
  async function newSession(user: GatewayUser, agent: SdkAgent): Promise<string> {
    const { status, body } = await user.chat(agent, 'Hello', { new_session: true });
    expect(status).toBe(200);
    return body.session_id;
  }
  async function newSessions(user: GatewayUser, agent: SdkAgent, count: number): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) ids.push(await newSession(user, agent));
    return ids;
  }
  const say = (agent: SdkAgent, to: string | undefined, text: string, reply_to?: string) =>
    agent.client.sendMessage({
      to: to ?? '',
      content: { text },
      client_msg_id: randomUUID(),
      ...(reply_to === undefined ? {} : { metadata: { reply_to } }),
    });

  test('the last active one comes first, and pages show every session once', async () => {
    const [echo, user] = await ownedEcho();
    const ids = await newSessions(user, echo, 5);
    await user.chat(echo, 'Again', { session_id: ids[1] });
    const expected = [ids[1], ids[4], ids[3], ids[2], ids[0]];
    const whole = await user.call('GET', sessionsOf(echo));
    expect([idsOf(whole), whole.body.next_cursor, whole.body.session_count]).toEqual([expected, null, 5]);
    expect(whole.body.agent_name).toBe(echo.handle);
    const seen: string[] = [];
    for (let query: string | null = 'limit=2'; query !== null;) {
      const page = await user.call('GET', sessionsOf(echo, `?${query}`), { node: seen.length % 2 });
      expect(page.body).toMatchObject({ session_count: 5 });
      seen.push(...idsOf(page));
      const cursor: string | null = page.body.next_cursor;
      query = cursor === null ? null : `limit=2&cursor=${encodeURIComponent(cursor)}`;
    }
    expect(seen).toEqual(expected);
    const exact = await user.call('GET', sessionsOf(echo, '?limit=5'));
    expect([idsOf(exact).length, exact.body.next_cursor]).toEqual([5, null]);
  });

  test('a list is of one status where it is asked for; words that are none of them are refused', async () => {
    const [echo, user] = await ownedEcho();
    const [one, two, three] = await newSessions(user, echo, 3);
    expect((await user.call('POST', sessionsOf(echo, `/${two}/close`))).status).toBe(200);
    const listed = async (query: string) => idsOf(await user.call('GET', sessionsOf(echo, query)));
    expect(await listed('?status=active')).toEqual([three, one]);
    expect(await listed('?status=closed')).toEqual([two]);
    expect(await listed('?status=')).toHaveLength(3);
    expect((await user.call('GET', sessionsOf(echo, '?status=closed'))).body).toMatchObject({ session_count: 1 });
    for (const query of ['?status=open', '?cursor=made-up', '?status=Closed']) {
      const refused = await user.call('GET', sessionsOf(echo, query));
      expect([query, refused.status, refused.body]).toMatchObject([query, 400, { code: 'VALIDATION_ERROR' }]);
      expect(refused.body.detail).toBe(refused.body.message);
    }
  });

  test("an agent's owner sees the sessions of all users with their addresses, a user its own", async () => {
    const [echo, owner] = await ownedEcho();
    const [user, other] = await Promise.all([signInUser(stack), signInUser(stack)]);
    const ids = [await newSession(owner, echo), await newSession(user, echo), await newSession(other, echo)];
    const people = async (who: GatewayUser) => {
      const { sessions } = (await who.call('GET', sessionsOf(echo))).body;
      return sessions.map(({ id, user_id, user_email }: Parsed) => [id, user_id, user_email]);
    };
    const [mine, users, others] = [owner, user, other].map((who, index) => [ids[index], who.owner.id, who.owner.email]);
    expect(await people(owner)).toEqual([others, users, mine]);
    expect(await people(user)).toEqual([users]);
    expect(await people(other)).toEqual([others]);
    expect(await people(await signInUser(stack))).toEqual([]);
    const seen = await owner.call('GET', sessionsOf(echo, `/${ids[1]}`));
    expect(seen.body.session).toMatchObject({ user_email: user.owner.email, kind: 'chat', status: 'active' });
    expect(seen.body.messages[0]).toMatchObject({ user_email: user.owner.email, role: 'user', content: 'Hello' });
  });

  test('a session shows its newest messages, oldest first, and goes back from any of them', async () => {
    const [echo, user] = await ownedEcho();
    const { body } = await user.chat(echo, 'turn 0');
    for (const text of ['turn 1', 'turn 2']) await user.chat(echo, text, { session_id: body.session_id });
    const said = ['turn 0', 'turn 1', 'turn 2'].flatMap((text) => [text, `You said: ${text}`]);
    const show = async (query = '') => (await user.call('GET', sessionsOf(echo, `/${body.session_id}${query}`))).body;
    const textsOf = ({ messages }: Parsed): string[] => messages.map(({ content }: Parsed) => content);
    const whole = await show();
    expect([textsOf(whole), whole.message_count, whole.has_more]).toEqual([said, 6, false]);
    expect(whole.messages.slice(0, 2)).toMatchObject([
      { role: 'user', execution_id: body.execution_id, late: false, session_id: body.session_id },
      { role: 'assistant', execution_id: body.execution_id, late: false, id: body.message_id },
    ]);
    const newest = await show('?limit=4');
    expect([textsOf(newest), newest.message_count, newest.has_more]).toEqual([said.slice(2), 6, true]);
    const older = await show(`?limit=4&before=${newest.messages[0].id}`);
    expect([textsOf(older), older.has_more]).toEqual([said.slice(0, 2), false]);
    const exact = await show(`?limit=2&before=${newest.messages[0].id}`);
    expect([textsOf(exact), exact.has_more]).toEqual([said.slice(0, 2), false]);
  });

  test('`before` that is a message of another session is answered as one that never was', async () => {
    const [echo, user] = await ownedEcho();
    const [own, foreign] = await newSessions(user, echo, 2);
    const { messages } = (await user.call('GET', sessionsOf(echo, `/${foreign}`))).body;
    const unknown = await user.call('GET', sessionsOf(echo, `/${own}?before=${newId('message')}`));
    expect([unknown.status, unknown.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    const other = await user.call('GET', sessionsOf(echo, `/${own}?before=${messages[0].id}`));
    expect([other.status, other.text]).toEqual([404, unknown.text]);
    const plain = await user.call('GET', `/api/agents/${echo.handle}/chat/history?before=${newId('message')}`);
    expect([plain.status, plain.text]).toEqual([404, unknown.text]);
  });

  test('closing ends the open turns, those that wait too: callers get 409, the agent no more of them', async () => {
    const [silent, user] = await ownedSilent();
    const first = user.chat(silent, 'first');
    await waitFor(() => silent.received.length === 1, { describe: 'the first message' });
    const [session_id = ''] = idsOf(await user.call('GET', sessionsOf(silent)));
    const second = user.chat(silent, 'second', { session_id }, 1);
    const path = `/api/agents/${silent.handle}/executions`;
    await waitFor(async () => (await user.call('GET', path)).body.length === 2, { describe: 'the second turn' });
    const third = user.stream(`/api/agents/${silent.handle}/chat`, { body: { message: 'third', session_id } });
    await waitFor(async () => (await user.call('GET', path)).body.length === 3, { describe: 'the third turn' });
    const closed = await user.call('POST', sessionsOf(silent, `/${session_id}/close`), { node: 1 });
    expect([closed.status, closed.body]).toEqual([200, { status: 'closed', session_id }]);
    for (const { status, body, headers } of await Promise.all([first, second])) {
      expect([status, body]).toMatchObject([409, { code: 'TURN_CANCELLED', detail: body.message }]);
      expect(headers.get('x-execution-id')).toBe(body.details.execution_id);
    }
    const result = linesOf(await (await third).text()).at(-1);
    expect(result).toMatchObject({ type: 'result', subtype: 'cancelled', is_error: true, result: null });
    const { body: turns } = await user.call('GET', path);
    expect(turns.map(({ status }: Parsed) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect((await user.chat(silent, 'later', { timeout_seconds: 1 })).status).toBe(504);
    expect(silent.received.map(({ content }) => content.text)).toEqual(['first', 'later']);
  });

  test('a closed session takes no turn, and closing it again changes nothing', async () => {
    const [echo, user] = await ownedEcho();
    const id = await newSession(user, echo);
    const close = () => user.call('POST', sessionsOf(echo, `/${id}/close`));
    const once = await close();
    const show = async () => (await user.call('GET', sessionsOf(echo, `/${id}`))).text;
    const shown = await show();
    expect(JSON.parse(shown)).toMatchObject({ session: { status: 'closed' }, message_count: 2 });
    const again = await close();
    expect([again.status, again.text, await show()]).toEqual([200, once.text, shown]);
    for (const key of ['session_id', 'conversation_id']) {
      const { status, body } = await user.chat(echo, 'Still there?', { [key]: id });
      expect([status, body]).toEqual([
        409,
        { code: 'SESSION_CLOSED', message: expect.any(String), detail: body.message },
      ]);
    }
    const next = await user.chat(echo, 'Then anew');
    expect([next.status, next.body.session_id === id]).toEqual([200, false]);
    expect(await show()).toBe(shown);
  });

  test('gateway#2: an answer to a turn of a closed session is stored, as late', async () => {
    const [silent, user] = await ownedSilent();
    const turn = user.chat(silent, 'Question');
    await waitFor(() => silent.received.length === 1, { describe: 'the message' });
    const [session_id] = idsOf(await user.call('GET', sessionsOf(silent)));
    await user.call('POST', sessionsOf(silent, `/${session_id}/close`));
    const { execution_id } = (await turn).body.details;
    const [asked] = silent.received;
    await say(silent, asked?.sender, 'Named', asked?.id);
    await say(silent, asked?.sender, 'Unnamed');
    const shown = async () => (await user.call('GET', sessionsOf(silent, `/${session_id}`))).body;
    await waitFor(async () => (await shown()).message_count === 3, { describe: 'both answers' });
    const { session, messages } = await shown();
    expect(session.status).toBe('closed');
    expect(messages.map(({ content, execution_id: id, late }: Parsed) => [content, id, late])).toEqual([
      ['Question', execution_id, false],
      ['Named', execution_id, true],
      ['Unnamed', null, false],
    ]);
  });

  test('a reset has the next turn start a new session; the old one stays readable', async () => {
    const [echo, user] = await ownedEcho();
    const history = `/api/agents/${echo.handle}/chat/history`;
    const reset = { status: 'reset', message: expect.any(String) };
    const nothing = await user.call('DELETE', history);
    expect([nothing.status, nothing.body]).toEqual([200, { ...reset, closed_session_id: null }]);
    const first = (await user.chat(echo, 'Before')).body.session_id;
    expect((await user.chat(echo, 'Before, too')).body.session_id).toBe(first);
    const done = await user.call('DELETE', history);
    expect([done.status, done.body]).toEqual([200, { ...reset, closed_session_id: first }]);
    expect((await user.call('DELETE', history)).body).toEqual({ ...reset, closed_session_id: null });
    expect((await user.call('GET', history)).text).toBe('[]');
    const second = (await user.chat(echo, 'After')).body.session_id;
    expect(second).not.toBe(first);
    const old = await user.call('GET', sessionsOf(echo, `/${first}`));
    expect(old.body).toMatchObject({ message_count: 4, session: { status: 'closed' } });
    expect((await user.chat(echo, 'Going on')).body.session_id).toBe(second);
  });

  test('the plain history is the current session as an array, newest `limit`, oldest first', async () => {
    const [echo, user] = await ownedEcho();
    const history = `/api/agents/${echo.handle}/chat/history`;
    const empty = await user.call('GET', history);
    expect([empty.status, empty.text]).toEqual([200, '[]']);
    const [first] = await newSessions(user, echo, 2);
    await user.chat(echo, 'Current', { session_id: first });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const rows = [
      { role: 'user', content: 'Hello', timestamp: time },
      { role: 'assistant', content: 'You said: Hello', timestamp: time },
      { role: 'user', content: 'Current', timestamp: time },
      { role: 'assistant', content: 'You said: Current', timestamp: time },
    ];
    expect((await user.call('GET', history)).body).toEqual(rows);
    expect((await user.call('GET', `${history}?limit=1`)).body).toEqual(rows.slice(3));
    expect((await (await signInUser(stack)).call('GET', history)).text).toBe('[]');
  });

  test("somebody else's session, and one with another agent, are answered as ones that never were", async () => {
    const [[echo], [other, user]] = [await ownedEcho(), await ownedEcho()];
    const stranger = await signInUser(stack);
    const foreign = [await newSession(stranger, echo), await newSession(user, other)];
    const unknown = newGatewayId('session');
    for (const [method, path] of [
      ['GET', (id: string) => sessionsOf(echo, `/${id}`)],
      ['POST', (id: string) => sessionsOf(echo, `/${id}/close`)],
    ] as const) {
      const never = await user.call(method, path(unknown));
      expect([never.status, never.body]).toEqual([
        404,
        { code: 'SESSION_NOT_FOUND', message: expect.any(String), detail: never.body.message },
      ]);
      for (const id of foreign) expect((await user.call(method, path(id))).text).toBe(never.text);
    }
    const never = await user.chat(echo, 'Let me in', { session_id: unknown });
    expect([never.status, never.body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
    for (const session_id of foreign) {
      const refused = await user.chat(echo, 'Let me in', { session_id });
      expect([refused.status, refused.text]).toEqual([404, never.text]);
    }
    expect(await database.gatewaySessions.countDocuments({ _id: { $in: foreign }, status: 'active' })).toBe(2);
    // Nor is a turn that was refused the beginning of an acquaintance.
    expect((await user.call('GET', sessionsOf(echo))).body.sessions).toEqual([]);
  });

  test('a turn that is refused leaves no session behind', async () => {
    const [silent] = await ownedSilent();
    const user = await signInUser(stack);
    expect((await user.chat(silent, 'Hello?', { timeout_seconds: 1 })).status).toBe(504);
    const [session] = idsOf(await user.call('GET', sessionsOf(silent)));
    const refused = await user.chat(silent, 'Hello??', { new_session: true });
    expect([refused.status, refused.body.code]).toEqual([403, 'AWAITING_REPLY']);
    expect(idsOf(await user.call('GET', sessionsOf(silent)))).toEqual([session]);
    await say(silent, silent.received[0]?.sender, 'Yes');
    const shown = async () => (await user.call('GET', sessionsOf(silent, `/${session}`))).body;
    await waitFor(async () => (await shown()).message_count === 2, { describe: 'the answer' });
    const next = await user.chat(silent, 'Good', { timeout_seconds: 1 });
    expect([next.status, next.body.details.session_id]).toEqual([504, session]);
  });

  test('first turns in many sessions at once all begin, and one of them is the current one', async () => {
    const [echo, user] = await ownedEcho();
    const turns = Array.from({ length: 8 }, (_, index) => user.chat(echo, 'Hi', { new_session: true }, index % 2));
    const answers = await Promise.all(turns);
    expect(answers.map(({ status }) => status)).toEqual(turns.map(() => 200));
    const ids = answers.map(({ body }) => body.session_id);
    expect(new Set(ids).size).toBe(8);
    const resumed = await Promise.all(ids.map((session_id) => user.chat(echo, 'Again', { session_id })));
    expect(resumed.map(({ body }) => body.session_id)).toEqual(ids);
    expect(ids).toContain((await user.chat(echo, 'And now')).body.session_id);
    expect(await database.gatewaySessions.countDocuments({ agentId: echo.id, isCurrent: true })).toBe(1);
  });
});
