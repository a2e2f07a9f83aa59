import { TURN_BODY_BYTES_MAX, TURN_MESSAGE_BYTES_MAX } from '../../contract/limits';
import { call, type CallAnswer } from '../support/agents';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';

/** What is wrong with a call of the gateway is said in one envelope, before anything is stored (gateway.md §2.1, §4.1). */
describe('bad input of the chat gateway', () => {
  const { stack, database, url } = useStack();
  let user: GatewayUser;
  let echo: SdkAgent;

  beforeAll(async () => {
    [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
  });
  afterAll(() => echo.disconnect());

  const PATHS = ['/api/agents/%/chat', '/agents/%/chat', '/api/agents/%/chat/stream', '/agents/%/chat/stream'];
  const say = (body: unknown, path = PATHS[0] ?? '') =>
    user.call('POST', path.replace('%', echo.handle), { body, headers: { accept: 'application/json' } });
  function expectRefusal({ status, body, headers }: CallAnswer, expected: [number, string]) {
    expect([status, body.code]).toEqual(expected);
    const { code: _code, message, detail, details: _details, ...rest } = body;
    expect([typeof message, detail, rest]).toEqual(['string', message, {}]);
    expect(headers.get('x-request-id')).toEqual(expect.any(String));
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  }
  const INVALID: [number, string] = [400, 'VALIDATION_ERROR'];

  test('a message that is missing, empty, blank or no text is refused in every shape', async () => {
    for (const path of PATHS) {
      for (const message of [undefined, null, '', ' ', '\n\t ', '\u00a0\u2003', 7, true, [], ['hi'], { text: 'hi' }]) {
        expectRefusal(await say({ message }, path), INVALID);
      }
    }
  });

  test('a body that is no object of JSON is refused', async () => {
    for (const body of ['', '{', '{"message":"hi"', 'null', '[]', '"hi"', '7', Buffer.from([0xff, 0xfe])]) {
      expectRefusal(await say(body), INVALID);
    }
  });

  test('fields out of their range or of another type are refused', async () => {
    const wrong: object[] = [
      ...[0, -1, 601, 1.5, '10', true, [], Number.MAX_SAFE_INTEGER].map((timeout_seconds) => ({ timeout_seconds })),
      ...[7, true, {}].map((session_id) => ({ session_id })),
      ...['yes', 1, []].flatMap((flag) => [{ new_session: flag }, { stream: flag }, { cancel_on_disconnect: flag }]),
      { system_prompt: 'x'.repeat(4_097) },
      { model: 'x'.repeat(101) },
      { include_partial_messages: 'no' },
    ];
    for (const more of wrong) expectRefusal(await say({ message: 'hi', ...more }), INVALID);
  });

  test('a message is refused from its 24,577th byte on, and one that is stored longer than it is', async () => {
    const at = (message: string) => say({ message, timeout_seconds: 600 });
    for (const message of ['x'.repeat(TURN_MESSAGE_BYTES_MAX + 1), '€'.repeat(8_193), '\u0001'.repeat(8_000)]) {
      const refused = await at(message);
      expectRefusal(refused, [413, 'CONTENT_TOO_LARGE']);
      expect(refused.body.details).toEqual({ max_bytes: TURN_MESSAGE_BYTES_MAX });
    }
    for (const path of PATHS) {
      expectRefusal(await say({ message: '🙂'.repeat(6_145) }, path), [413, 'CONTENT_TOO_LARGE']);
    }
    expectRefusal(await say('x'.repeat(TURN_BODY_BYTES_MAX + 1)), [413, 'PAYLOAD_TOO_LARGE']);
  });

  test('none of these has left a session, a turn or a message', async () => {
    const counts = [database.gatewaySessions, database.gatewayExecutions, database.gatewayContacts, database.messages];
    expect(await Promise.all(counts.map((each) => each.countDocuments()))).toEqual([0, 0, 0, 0]);
  });

  test('the largest messages there can be reach the agent as they are', async () => {
    const plain = `${'x'.repeat(TURN_MESSAGE_BYTES_MAX - 4)}🙂`;
    const { status, body } = await say({ message: plain });
    expect([status, body.code]).toEqual([200, undefined]);
    const hints = { system_prompt: 'p'.repeat(4_096), model: 'm'.repeat(100) };
    expect((await say({ message: '€'.repeat(8_192), ...hints, session_id: body.session_id })).status).toBe(200);
    expect(echo.received.map(({ content }) => content.text)).toEqual([plain, '€'.repeat(8_192)]);
    expect(echo.received[1]?.metadata).toMatchObject({ gateway: { hints } });
  });

  test('fields that are unknown or null count as absent', async () => {
    const nulls = { session_id: null, new_session: null, timeout_seconds: null, stream: null, model: null };
    const { status, body } = await say({ message: ' hi ', ...nulls, temperature: 1, user: 'ada' });
    expect([status, body.response]).toEqual([200, 'You said:  hi ']);
  });

  test('half a character in a message breaks nothing', async () => {
    const { status, body } = await say('{"message":"half \\ud83d and half \\ude42"}');
    expect([status, typeof body.response]).toEqual([200, 'string']);
    const shown = await user.call('GET', `/api/agents/${echo.handle}/chat/sessions/${body.session_id}`);
    expect(shown.status).toBe(200);
  });

  test('a path that is none of the gateway is a 404 with `detail`, elsewhere without', async () => {
    const key = user.owner.accessToken;
    for (const path of [
      '/api',
      '/api/',
      '/api/nothing',
      `/api/agents/${echo.handle}/nothing`,
      '/teams/x/nothing',
      '/agents/',
    ]) {
      expectRefusal(await call(url(), 'GET', path, { key }), [404, 'NOT_FOUND']);
      expectRefusal(await call(url(), 'GET', path), [404, 'NOT_FOUND']);
    }
    expectRefusal(await user.call('PUT', `/api/agents/${echo.handle}/chat`, { body: {} }), [404, 'NOT_FOUND']);
    for (const path of ['/v1/nothing', '/nothing', '/apis', '/dashboard/nothing']) {
      const { status, body } = await call(url(), 'GET', path, { key });
      expect([path, status, 'detail' in body]).toEqual([path, 404, false]);
    }
  });

  test('names that no agent can have are 404, whatever stands in them', async () => {
    const names = [
      'nobody-at-all',
      '%00',
      '%F0%9F%99%82',
      'agt_',
      'agt_%24ne',
      '..%2f..',
      'a'.repeat(500),
      '__proto__',
    ];
    for (const name of names) {
      const path = `/api/agents/${name}`;
      for (const [method, rest, body] of [
        ['GET', ''],
        ['POST', '/chat', { message: 'hi' }],
        ['GET', '/chat/sessions'],
        ['GET', '/executions/exe_x/log'],
      ] as const) {
        expectRefusal(await user.call(method, path + rest, { body }), [404, 'AGENT_NOT_FOUND']);
      }
    }
  });

  test('numbers of queries are clamped, cursors that are none are refused', async () => {
    const path = `/api/agents/${echo.handle}`;
    for (const query of [
      '?limit=0',
      '?limit=-5',
      '?limit=1e9',
      '?limit=many',
      '?limit=',
      '?hours=never',
      '?hours=-1',
    ]) {
      for (const list of ['/executions', '/chat/sessions', '/chat/history']) {
        expect([list, query, (await user.call('GET', path + list + query)).status]).toEqual([list, query, 200]);
      }
    }
    for (const cursor of ['x', '%00', Buffer.from('2026-01-01 x').toString('base64url'), '[$ne]=1']) {
      for (const list of ['/executions', '/chat/sessions']) {
        expectRefusal(await user.call('GET', `${path}${list}?cursor=${cursor}`), INVALID);
      }
    }
  });
});
