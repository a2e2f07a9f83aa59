import { LINKS_PER_AGENT_MAX } from '../../contract/limits';
import { hashLinkToken } from '../../platform/link-tokens';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { newLink, ownerOf, visitorCalls } from '../support/public-chat';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §6.1: owners share their agents by links. */
describe('share links of an agent', () => {
  const { stack, database, url } = useStack({ apis: 2, env: { PUBLIC_BASE_URL: 'https://chat.example.com' } });
  const visitor = visitorCalls(url);
  let echo: SdkAgent;
  let owner: GatewayUser;
  let path: string;

  beforeAll(async () => {
    echo = await startEcho(database, url());
    owner = await ownerOf(stack, echo);
    path = `/api/agents/${echo.handle}/public-links`;
  });
  afterAll(() => echo.disconnect());

  test('a link has the terms it was made with; its token is told once and stored by its hash only', async () => {
    const terms = { name: 'Shop', welcome: 'Hello!', require_email: true, max_messages: 5 };
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const { status, body, headers } = await owner.call('POST', path, { body: { ...terms, expires_at } });
    const { token, url: shared, ...link } = body;
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(token).toMatch(/^[\w-]{32}$/);
    expect(shared).toBe(`https://chat.example.com/c/${token}`);
    expect(link).toEqual({
      id: expect.stringMatching(/^lnk_[\w-]{16}$/),
      agent_name: echo.handle,
      token_prefix: token.slice(0, 6),
      enabled: true,
      expires_at,
      created_at: expect.stringMatching(/Z$/),
      ...terms,
    });
    const usage = { sessions: 0, messages: 0, last_used_at: null, unique_ips: 0 };
    expect((await owner.call('GET', `${path}/${link.id}`)).body).toEqual({ ...link, usage });
    expect((await owner.call('GET', path)).body).toEqual([link]);
    const row = await database.gatewayLinks.findOne({ _id: link.id });
    expect(row?.tokenHash).toBe(hashLinkToken(token));
    expect(JSON.stringify(row)).not.toContain(token);
  });

  test('of what a change does not name nothing changes; null takes a term away', async () => {
    const made = await newLink(owner, echo, { name: 'One', welcome: 'Hi', max_messages: 3 });
    const before = (await owner.call('GET', made.path)).body;
    expect((await owner.call('PUT', made.path, { body: {} })).status).toBe(200);
    const { status, body } = await owner.call('PUT', made.path, {
      body: { name: 'Two', enabled: false, max_messages: null, require_email: true, expires_at: null },
    });
    const { usage: _, ...link } = before;
    expect([status, body]).toEqual([
      200,
      { ...link, name: 'Two', enabled: false, max_messages: null, require_email: true },
    ]);
    expect((await owner.call('PUT', made.path, { body: { welcome: null } })).body.welcome).toBeNull();
  });

  test('gateway#9: a new token kills the old one at once, over every process; sessions survive', async () => {
    const made = await newLink(owner, echo);
    const first = await visitor.say(made.token, 'Hi');
    const { session_id } = first.body;
    const rotated = await owner.call('POST', `${made.path}/rotate`);
    expect([rotated.status, rotated.body.id]).toEqual([200, made.id]);
    expect(rotated.body.token_prefix).toBe(rotated.body.token.slice(0, 6));
    for (const node of [0, 1]) expect((await visitor.say(made.token, 'Hi', { session_id }, node)).status).toBe(404);
    const again = await visitor.say(rotated.body.token, 'Still me', { session_id });
    expect(again.body).toMatchObject({ session_id, message_count: 4 });
  });

  test('a deleted link is gone for good, and its open turns are cancelled', async () => {
    const silent = await startEcho(database, url());
    silent.onMessage(() => Promise.resolve());
    const its = await ownerOf(stack, silent);
    const made = await newLink(its, silent);
    const waiting = visitor.say(made.token, 'Anybody?');
    const { body: accepted } = await visitor.say(made.token, 'And I?', { async_mode: true });
    const open = () => database.gatewayExecutions.countDocuments({ linkId: made.id, status: { $ne: 'cancelled' } });
    await waitFor(async () => (await open()) === 2, { describe: 'both turns' });
    expect((await its.call('DELETE', made.path)).status).toBe(204);
    const { status, body } = await waiting;
    expect([status, body.code]).toEqual([409, 'TURN_CANCELLED']);
    const shown = await its.call('GET', `/api/agents/${silent.handle}/executions/${accepted.execution_id}`);
    expect(shown.body.status).toBe('cancelled');
    for (const [method, more] of [
      ['GET', ''],
      ['PUT', ''],
      ['POST', '/rotate'],
      ['DELETE', ''],
    ] as const) {
      const gone = await its.call(method, made.path + more, method === 'PUT' ? { body: {} } : {});
      expect([method, gone.status, gone.body.code]).toEqual([method, 404, 'LINK_NOT_FOUND']);
    }
    silent.disconnect();
  });

  test(`an agent has at most ${LINKS_PER_AGENT_MAX} links, however many are made at once`, async () => {
    const many = await startEcho(database, url());
    const its = await ownerOf(stack, many);
    const at = `/api/agents/${many.handle}/public-links`;
    for (let count = 0; count < LINKS_PER_AGENT_MAX - 2; count += 6) {
      await Promise.all(Array.from({ length: 6 }, (_, n) => its.call('POST', at, { node: n % 2 })));
    }
    const last = await Promise.all(Array.from({ length: 6 }, (_, n) => its.call('POST', at, { node: n % 2 })));
    expect(last.map(({ status }) => status).sort()).toEqual([201, 201, 400, 400, 400, 400]);
    const refused = last.find(({ status }) => status === 400)?.body;
    expect(refused).toMatchObject({ code: 'LIMIT_REACHED', details: { limit: LINKS_PER_AGENT_MAX } });
    const links = (await its.call('GET', at)).body as { id: string }[];
    expect(links).toHaveLength(LINKS_PER_AGENT_MAX);
    await its.call('DELETE', `${at}/${links[0]?.id}`);
    expect((await its.call('POST', at)).status).toBe(201);
    many.disconnect();
  });

  test("another owner's agent, an unclaimed one and one that never was have one answer; keys have none", async () => {
    const [stranger, lonely] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    const made = await newLink(owner, echo);
    const calls = (handle: string, id: string): [string, string, object][] => [
      ['POST', `/api/agents/${handle}/public-links`, {}],
      ['GET', `/api/agents/${handle}/public-links`, {}],
      ['GET', `/api/agents/${handle}/public-links/${id}`, {}],
      ['PUT', `/api/agents/${handle}/public-links/${id}`, { body: { enabled: false } }],
      ['POST', `/api/agents/${handle}/public-links/${id}/rotate`, {}],
      ['DELETE', `/api/agents/${handle}/public-links/${id}`, {}],
    ];
    const expected = (await stranger.call('GET', '/api/agents/nobody-at-all')).text;
    for (const handle of [echo.handle, lonely.handle, 'nobody-at-all']) {
      for (const [method, at, options] of calls(handle, made.id)) {
        const { status, text } = await stranger.call(method, at, options);
        expect([method, at, status, text]).toEqual([method, at, 404, expected]);
      }
    }
    const { body: key } = await owner.call('POST', '/api/keys', { body: { name: 'app' } });
    for (const [method, at, options] of calls(echo.handle, made.id)) {
      const headers = { authorization: `Bearer ${key.key}` };
      const { status, body } = await owner.call(method, at, { ...options, headers });
      expect([method, status, body.code]).toEqual([method, 403, 'FORBIDDEN']);
    }
    expect((await visitor.say(made.token, 'Still here')).status).toBe(200);
    lonely.disconnect();
  });

  test('terms that make no sense are refused, and nothing is stored', async () => {
    const before = await database.gatewayLinks.countDocuments();
    const made = await newLink(owner, echo);
    const wrong: object[] = [
      { name: 'x'.repeat(101) },
      { name: 7 },
      { welcome: 'x'.repeat(501) },
      { expires_at: 'tomorrow' },
      { expires_at: new Date(Date.now() - 1_000).toISOString() },
      { expires_at: 4_102_444_800 },
      { require_email: 'yes' },
      ...[0, -1, 1.5, '5', true].map((max_messages) => ({ max_messages })),
    ];
    for (const body of [...wrong, [], 'null']) {
      for (const [method, at] of [
        ['POST', path],
        ['PUT', made.path],
      ] as const) {
        const refused = await owner.call(method, at, { body });
        expect([body, method, refused.status, refused.body.code]).toEqual([body, method, 400, 'VALIDATION_ERROR']);
      }
    }
    expect((await owner.call('PUT', made.path, { body: { enabled: 'no' } })).status).toBe(400);
    expect(await database.gatewayLinks.countDocuments()).toBe(before + 1);
  });
});
