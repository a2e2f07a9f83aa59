import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WebSocket } from 'ws';
import { HELLO_TIMEOUT_MS } from '../../contract/limits';
import type { Database } from '../../store/database';
import { SocketClient } from '../realtime/socket-client';
import { call } from '../support/agents';
import { startTalk } from '../support/conversations';
import { callAs, signInOwner } from '../support/owners';
import { testServers } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase, send, type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { startWire, type Wire } from '../support/wire';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { RealtimeClient } = jest.requireActual<typeof Sdk>('agentchatme');

// The SDK looks for a global WebSocket (Node 22) and else imports `ws`, which a jest sandbox cannot do.
Object.assign(globalThis, { WebSocket });

/** Longer than the api waits for a database that does not answer, on a slow machine too. */
const OUTAGE_MS_MAX = 45_000;

/** An agent whose server loses its database must wait and come back by itself; a terminal close would strand it. */
describe('an api whose way to the database is cut', () => {
  let stack: Stack;
  let database: Database;
  let wire: Wire;
  let url: string;
  let a: Sender;
  let b: Sender;

  beforeAll(async () => {
    wire = await startWire(Number(new URL(testServers().mongoUri).port));
    // Direct, or the driver would learn the server's own address and leave the wire.
    const env = { MONGODB_URI: `mongodb://127.0.0.1:${wire.port}/?directConnection=true` };
    stack = await startStack({ workers: 0, env });
    // The test itself does not go over the wire.
    database = openStackDatabase(stack);
    url = stack.baseUrls[0] ?? '';
    ({ a, b } = await startTalk(database, url));
  });
  afterEach(async () => {
    wire.mend();
    await waitFor(isHealthy, { timeoutMs: OUTAGE_MS_MAX, describe: 'the api to find its database' });
  });
  afterAll(async () => {
    wire.mend();
    await database.client.close();
    await stack.stop();
    await wire.stop();
  });

  const isHealthy = async () => (await call(url, 'GET', '/v1/health')).status === 200;
  const outages = [
    ['is gone', () => wire.cut()],
    ['hangs', () => wire.hang()],
  ] as const;

  test.each(outages)(
    'realtime#4: a hello while the key store %s ends with 1011, however late, and works once it is back',
    async (_, begin) => {
      begin();
      const startedMs = performance.now();
      const client = await SocketClient.open(url);
      client.send({ type: 'hello', api_key: b.key, capabilities: ['ack'] });
      expect(await client.untilClosed(OUTAGE_MS_MAX)).toEqual({ code: 1011, reason: 'Internal error' });
      // The time for a hello must have passed, or nothing is said about a hello that came in time.
      expect(performance.now() - startedMs).toBeGreaterThan(HELLO_TIMEOUT_MS * 0.9);
      expect(client.frames).toEqual([]);
      wire.mend();
      await waitFor(isHealthy, { timeoutMs: OUTAGE_MS_MAX });
      const again = await SocketClient.hello(url, b.key, ['ack']);
      expect(again.frames[0]).toEqual({ type: 'hello.ok', capabilities: ['ack'] });
      again.end();
    },
  );

  test('realtime#4: the upgrade with a key in its header is refused with 503 and Retry-After', async () => {
    wire.cut();
    const client = await SocketClient.open(url, '/v1/ws', { authorization: `Bearer ${b.key}` }, OUTAGE_MS_MAX);
    const refused = await waitFor(() => client.refused, { timeoutMs: OUTAGE_MS_MAX });
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([503, { code: 'SERVICE_UNAVAILABLE' }]);
  });

  test('realtime#4: the published SDK comes back by itself and gets what was sent meanwhile', async () => {
    wire.cut();
    const seen: string[] = [];
    let attempts = 0;
    let isConnected = false;
    const live = new RealtimeClient({
      apiKey: b.key,
      baseUrl: url.replace('http', 'ws'),
      reconnectInterval: 50,
      maxReconnectInterval: 200,
    });
    live.onConnect(() => (isConnected = true));
    live.onDisconnect(() => void (attempts += 1));
    live.on('message.new', ({ payload }) => void seen.push(String(payload['id'])));
    await live.connect().catch(() => undefined);
    await waitFor(() => attempts > 1, { timeoutMs: OUTAGE_MS_MAX, describe: 'two attempts that failed' });
    expect(isConnected).toBe(false);
    wire.mend();
    await waitFor(isHealthy, { timeoutMs: OUTAGE_MS_MAX });
    const sent = await send(url, a, b, 'while away');
    await waitFor(() => seen.includes(String(sent.body.id)), { timeoutMs: OUTAGE_MS_MAX, describe: 'the message' });
    live.disconnect();
  });

  test('a socket that was open before stays open and gets what is sent after', async () => {
    const client = await SocketClient.hello(url, b.key, ['ack']);
    await client.roundTrip();
    wire.cut();
    expect((await call(url, 'GET', '/v1/agents/me', { key: a.key })).status).toBe(503);
    wire.mend();
    await waitFor(isHealthy, { timeoutMs: OUTAGE_MS_MAX });
    const sent = await send(url, a, b, 'after the outage');
    await waitFor(() => client.messages().some(({ id }) => id === sent.body.id), { timeoutMs: OUTAGE_MS_MAX });
    expect(client.closed).toBeNull();
    client.end();
  });

  test.each(outages)(
    'conventions.md §6: calls are 503 with Retry-After while the database %s; the same calls work afterwards',
    async (kind, begin) => {
      const body = { to: b.handle, client_msg_id: `outage ${kind}`, content: { text: `once, ${kind}` } };
      const calls = [
        () => call(url, 'GET', '/v1/agents/me', { key: a.key }),
        () => call(url, 'POST', '/v1/messages', { key: a.key, body }),
        () => call(url, 'GET', '/v1/messages/sync', { key: b.key }),
        () => call(url, 'GET', '/v1/conversations', { key: b.key, headers: { 'idempotency-key': 'x' } }),
      ];
      begin();
      for (const answer of await Promise.all(calls.map((make) => make()))) {
        expect([answer.status, answer.body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
        expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      }
      expect((await call(url, 'GET', '/v1/health')).body).toMatchObject({ status: 'degraded', mongodb: false });
      wire.mend();
      await waitFor(isHealthy, { timeoutMs: OUTAGE_MS_MAX });
      const answers = await Promise.all(calls.map((make) => make()));
      expect(answers.map(({ status }) => status)).toEqual([200, 201, 200, 200]);
      expect(await database.messages.countDocuments({ content: JSON.stringify(body.content) })).toBe(1);
    },
  );

  test.each(outages)(
    'an owner while the database %s: calls are 503, a refresh is REFRESH_UNAVAILABLE and keeps the cookies, a logout never fails',
    async (_, begin) => {
      const owner = await signInOwner(stack);
      const { cookies } = owner;
      begin();
      const [me, refreshed] = await Promise.all([
        callAs(url, 'GET', '/dashboard/me', { cookies }),
        callAs(url, 'POST', '/dashboard/auth/refresh', { cookies }),
      ]);
      expect([me.status, me.body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      expect([refreshed.status, refreshed.body.code]).toEqual([503, 'REFRESH_UNAVAILABLE']);
      for (const answer of [me, refreshed]) {
        expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
      const left = await callAs(url, 'POST', '/dashboard/auth/logout', { cookies });
      expect([left.status, left.headers.getSetCookie()].flat()).toEqual([
        200,
        expect.stringMatching(/Max-Age=0/),
        expect.stringMatching(/Max-Age=0/),
      ]);
      wire.mend();
      await waitFor(isHealthy, { timeoutMs: OUTAGE_MS_MAX });
      const other = await signInOwner(stack);
      expect((await other.call('POST', '/dashboard/auth/refresh')).status).toBe(200);
    },
  );
});
