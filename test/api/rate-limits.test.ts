import { randomBytes } from 'node:crypto';
import { agentRoute, publicRoute, type Route } from '../../api/http/route';
import { ADDRESS_LIMITS, AGENT_LIMITS, type RateLimit } from '../../contract/limits';
import { parseConfig } from '../../platform/config';
import { hitRateWindow } from '../../store/schema/rate-windows';
import { call, createTestAgent, type CallAnswer } from '../support/agents';
import { PROBE_SECRET_KEYS, startProbeApi, type ProbeApi, useProbeApis, probeEndpoint } from '../support/probe-api';
import { makeSenders, send } from '../support/traffic';
import { waitFor } from '../support/wait';
import { withStack } from '../support/use-stack';

type AddressScope = keyof typeof ADDRESS_LIMITS;
type AgentScope = keyof typeof AGENT_LIMITS;

/** The names of a table, typed. */
const scopesOf = <Scope extends string>(table: Record<Scope, RateLimit>): Scope[] => Object.keys(table) as Scope[];

/** A route per window of the contract; each reads its body, so that a refusal before it shows. */
const routes: Route[] = [
  ...scopesOf(ADDRESS_LIMITS).map((scope) =>
    publicRoute(probeEndpoint('POST', `/v1/open/${scope}`, { auth: 'none', addressLimit: scope }), async (ctx) => {
      await ctx.readBody();
      return { status: 200, body: {} };
    }),
  ),
  ...scopesOf(AGENT_LIMITS).map((scope) =>
    agentRoute(probeEndpoint('POST', `/v1/agent/${scope}`, { agentLimits: [scope] }), async (ctx) => {
      await ctx.readBody();
      return { status: 200, body: {} };
    }),
  ),
  agentRoute(probeEndpoint('POST', '/v1/own/:handle', { addressLimit: 'rotate_key' }), () =>
    Promise.resolve({ status: 200, body: {} }),
  ),
  agentRoute(probeEndpoint('POST', '/v1/late'), async (ctx) => {
    await ctx.countCall('avatar_write');
    return { status: 200, body: {} };
  }),
];

describe('request windows', () => {
  const [one, two, direct] = useProbeApis(
    routes,
    { TRUST_PROXY: 'on', TRUSTED_IP_HEADER: 'X-Edge-Ip' },
    { TRUST_PROXY: 'on' },
    {},
  );

  let addresses = 0;
  const newAddress = () => `10.1.${Math.floor((addresses += 1) / 250)}.${addresses % 250}`;
  const open = (api: ProbeApi, scope: AddressScope, headers: Record<string, string>, body: unknown = {}) =>
    call(api.baseUrl, 'POST', `/v1/open/${scope}`, { headers, body });

  /** Fixed windows are aligned to the epoch: a test that counts must not run across an edge. */
  const awayFromEdge = (windowMs: number, neededMs = 5_000) =>
    waitFor(() => windowMs - (Date.now() % windowMs) > neededMs, { timeoutMs: neededMs + 1_000 });

  const expectRefused = (answer: CallAnswer, scope: string, limit: RateLimit) => {
    expect([answer.status, answer.body.code]).toEqual([429, 'RATE_LIMITED']);
    const { retry_after_ms: ms } = answer.body.details;
    expect(answer.body.details).toEqual({ retry_after_ms: ms, scope, limit: limit.limit });
    expect(Number.isInteger(ms) && ms >= 1 && ms <= limit.windowMs).toBe(true);
    expect(answer.headers.get('retry-after')).toBe(String(Math.max(1, Math.ceil(ms / 1000))));
  };

  test('conventions#6: exactly the limit passes, over two processes, whatever is sent at once', async () => {
    const { agent, apiKey: key } = await createTestAgent(one.database);
    await awayFromEdge(60_000);
    const answers = await Promise.all(
      Array.from({ length: 90 }, (_, index) =>
        call((index % 2 ? one : two).baseUrl, 'POST', '/v1/agent/directory', { key, body: {} }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
    for (const refused of answers.filter(({ status }) => status !== 200))
      expectRefused(refused, 'directory', AGENT_LIMITS.directory);
    const rows = await one.database.rateWindows.find({ _id: { $regex: agent._id } }).toArray();
    expect(rows).toHaveLength(1);
  });

  test.each(scopesOf(ADDRESS_LIMITS))('conventions#6: %s refuses an address before the body is read', async (scope) => {
    const limit: RateLimit = ADDRESS_LIMITS[scope];
    const address = newAddress();
    await awayFromEdge(limit.windowMs);
    for (let hit = 0; hit < limit.limit; hit += 1) {
      const answer = await open(hit % 2 ? one : two, scope, { 'x-forwarded-for': address }, 'no json');
      expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_ERROR']);
    }
    expectRefused(await open(two, scope, { 'x-forwarded-for': address }, 'no json'), scope, limit);
    expect((await open(two, scope, { 'x-forwarded-for': newAddress() })).status).toBe(200);
  });

  test.each(scopesOf(AGENT_LIMITS))('conventions#6: %s refuses an agent before the body is read', async (scope) => {
    const limit: RateLimit = AGENT_LIMITS[scope];
    const [{ agent, apiKey: key }, other] = [await createTestAgent(one.database), await createTestAgent(one.database)];
    await fill(scope, agent._id, limit);
    const path = `/v1/agent/${scope}`;
    const refused = await waitFor(async () => {
      const answer = await call(one.baseUrl, 'POST', path, { key, body: 'no json' });
      // A window of one second may have ended on the way.
      return answer.status === 429 ? answer : fill(scope, agent._id, limit).then(() => null);
    });
    expectRefused(refused, scope, limit);
    expect(refused.body.retry_after_ms).toBe(scope === 'mute_write' ? refused.body.details.retry_after_ms : undefined);
    expect((await call(one.baseUrl, 'POST', path, { key: other.apiKey, body: {} })).status).toBe(200);
    expect((await call(one.baseUrl, 'POST', path, { key: 'ac_live_none', body: {} })).status).toBe(401);
  });

  /** Takes every place of a window. */
  async function fill(scope: AgentScope, subject: string, limit: RateLimit): Promise<void> {
    const at = new Date();
    if (limit.window === 'rolling') {
      const hits = Array.from({ length: limit.limit }, (_, index) => new Date(at.getTime() - 1_000 + index / 2));
      const row = { count: limit.limit, at, hits, endsAt: new Date(at.getTime() + limit.windowMs) };
      await one.database.rateWindows.updateOne({ _id: `${scope}:${subject}` }, { $set: row }, { upsert: true });
    } else for (let hit = 0; hit < limit.limit; hit += 1) await hitRateWindow(one.database, scope, subject, limit);
  }

  test('a fixed window ends at its edge for all processes, and a flood in it writes nothing more', async () => {
    const { agent, apiKey: key } = await createTestAgent(one.database);
    const write = (api: ProbeApi) => call(api.baseUrl, 'POST', '/v1/agent/mute_write', { key, body: {} });
    const rowOf = () => one.database.rateWindows.findOne({ _id: `mute_write:${agent._id}` });
    const { answers, before, late, after } = await waitFor(async () => {
      await waitFor(() => Date.now() % 1_000 < 200, { intervalMs: 5 });
      const startedMs = Date.now();
      const flood = await Promise.all(Array.from({ length: 15 }, () => write(one)));
      const seen = { answers: flood, before: await rowOf(), late: await write(one), after: await rowOf() };
      const endsMs = seen.before?.endsAt.getTime() ?? 0;
      // A flood that came over the edge says nothing about one window.
      return startedMs >= endsMs - 1_000 && Date.now() < endsMs ? seen : null;
    });
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5);
    expect(late.status).toBe(429);
    expect(after).toEqual(before);
    await waitFor(async () => (await write(two)).status === 200);
    expect(Date.now()).toBeGreaterThanOrEqual(before?.endsAt.getTime() ?? Infinity);
    await waitFor(async () => (await write(one)).status === 200);
  });

  test('a rolling window frees a place when its oldest hit leaves; refused hits take none', async () => {
    const limit = { limit: 3, windowMs: 60_000, window: 'rolling' } as const;
    const _id = `rolling:${randomBytes(4).toString('hex')}`;
    const [scope = '', subject = ''] = _id.split(':');
    const hits = await Promise.all(
      Array.from({ length: 9 }, (_, index) => hitRateWindow((index % 2 ? one : two).database, scope, subject, limit)),
    );
    expect(hits.filter(({ allowed }) => allowed)).toHaveLength(3);
    const row = await one.database.rateWindows.findOne({ _id });
    expect(row?.hits).toHaveLength(3);
    const moved = (row?.hits ?? []).map((at, index) => new Date(at.getTime() - (index === 0 ? 60_001 : 20_000)));
    await one.database.rateWindows.updateOne({ _id }, { $set: { hits: moved } });
    expect((await hitRateWindow(one.database, scope, subject, limit)).allowed).toBe(true);
    const next = await hitRateWindow(one.database, scope, subject, limit);
    expect(next.allowed).toBe(false);
    expect(next.retryAfterMs).toBeGreaterThan(35_000);
    expect(next.retryAfterMs).toBeLessThanOrEqual(40_000);
  });

  test('a window that opens with its first hit ends that long after it, however often it is refused', async () => {
    const limit = { limit: 2, windowMs: 86_400_000, window: 'first' } as const;
    const hit = () => hitRateWindow(one.database, 'first', 'x', limit);
    const [a, b, c] = [await hit(), await hit(), await hit()];
    expect([a.allowed, b.allowed, c.allowed]).toEqual([true, true, false]);
    expect(a.retryAfterMs).toBe(86_400_000);
    expect(c.retryAfterMs).toBeLessThanOrEqual(a.retryAfterMs);
    await one.database.rateWindows.updateOne({ _id: 'first:x' }, { $set: { endsAt: new Date(Date.now() - 1) } });
    expect(await hit()).toEqual({ allowed: true, retryAfterMs: 86_400_000 });
  });

  test('windows per address and path count all spellings of one handle together, other handles apart', async () => {
    const { agent, apiKey: key } = await createTestAgent(one.database);
    const headers = { 'x-forwarded-for': newAddress() };
    const own = (handle: string, more = headers) =>
      call(two.baseUrl, 'POST', `/v1/own/${handle}`, { key, headers: more });
    await awayFromEdge(3_600_000);
    for (const spelling of [agent.handle, `@${agent.handle.toUpperCase()}`, `%40${agent.handle}`])
      expect((await own(spelling)).status).toBe(200);
    expectRefused(await own(agent.handle), 'rotate_key', ADDRESS_LIMITS.rotate_key);
    expect((await own('someone-else')).status).toBe(200);
    expect((await own(agent.handle, { 'x-forwarded-for': newAddress() })).status).toBe(200);
    // Without a key nothing is counted: the window is behind authentication.
    for (let index = 0; index < 4; index += 1)
      expect((await call(two.baseUrl, 'POST', '/v1/own/nobody', { headers })).status).toBe(401);
  });

  test('a window that a handler counts late refuses like the others', async () => {
    const { apiKey: key } = await createTestAgent(one.database);
    await awayFromEdge(60_000);
    for (let hit = 0; hit < 5; hit += 1)
      expect((await call(one.baseUrl, 'POST', '/v1/late', { key })).status).toBe(200);
    expectRefused(await call(two.baseUrl, 'POST', '/v1/late', { key }), 'avatar_write', AGENT_LIMITS.avatar_write);
  });

  test('conventions#7: what a caller writes into X-Forwarded-For gives it no window of its own', async () => {
    await awayFromEdge(3_600_000);
    const [address, edge] = [newAddress(), newAddress()];
    for (let hit = 0; hit < 3; hit += 1)
      expect((await open(two, 'recover', { 'x-forwarded-for': `1.2.3.${hit}, ${address}` })).status).toBe(200);
    expect((await open(two, 'recover', { 'x-forwarded-for': `9.9.9.9,${address}` })).status).toBe(429);
    // The edge's own header wins over what was forwarded.
    for (let hit = 0; hit < 3; hit += 1)
      expect((await open(one, 'recover', { 'x-edge-ip': edge, 'x-forwarded-for': newAddress() })).status).toBe(200);
    expect((await open(one, 'recover', { 'x-edge-ip': edge, 'x-forwarded-for': newAddress() })).status).toBe(429);
    // Without a trusted proxy the headers mean nothing: the socket's address counts.
    const statuses: number[] = [];
    for (let hit = 0; hit < 4; hit += 1)
      statuses.push(
        (await open(direct, 'recover', { 'x-forwarded-for': newAddress(), 'x-edge-ip': newAddress() })).status,
      );
    expect(statuses).toEqual([200, 200, 200, 429]);
  });

  test('conventions#7: one address has one window however a proxy spells it; no address counts as absent', async () => {
    await awayFromEdge(3_600_000);
    const spellings = ['2001:DB8:0:0::7', '2001:db8::7', '[2001:db8::0:7]:443', '2001:db8::7%eth0'];
    const statuses: number[] = [];
    for (const spelling of spellings)
      statuses.push((await open(two, 'recover', { 'x-forwarded-for': spelling })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const mapped = newAddress();
    for (const spelling of [mapped, `::ffff:${mapped}`, `${mapped}:5000`])
      expect((await open(two, 'recover', { 'x-forwarded-for': spelling })).status).toBe(200);
    expect((await open(two, 'recover', { 'x-forwarded-for': ` ${mapped} ` })).status).toBe(429);
    await one.database.rateWindows.deleteMany({ _id: 'recover:127.0.0.1' });
    for (const garbage of ['unknown', 'x'.repeat(4_000), '$ne', '', '10.0.0'])
      await open(two, 'recover', { 'x-forwarded-for': garbage });
    const rows = await one.database.rateWindows.find({ _id: { $regex: '^recover:' } }).toArray();
    expect(rows.every(({ _id }) => _id.length < 60)).toBe(true);
    expect(rows.find(({ _id }) => _id === 'recover:127.0.0.1')?.count).toBeGreaterThanOrEqual(4);
  });

  test('counters that refuse leave the endpoint open', async () => {
    const { db } = one.database;
    await db.command({ collMod: 'rateWindows', validator: { never: { $exists: true } } });
    try {
      const address = newAddress();
      for (let hit = 0; hit < 5; hit += 1)
        expect((await open(one, 'recover', { 'x-edge-ip': address })).status).toBe(200);
    } finally {
      await db.command({ collMod: 'rateWindows', validator: {} });
    }
  });

  test('what windows store is gone a minute after they ended', async () => {
    const indexes = await one.database.rateWindows.indexes();
    expect(indexes.find(({ name }) => name === 'ends_at')).toMatchObject({
      key: { endsAt: 1 },
      expireAfterSeconds: 60,
    });
  });

  test('RATE_LIMITS=off lifts the windows, and is refused in production', async () => {
    const off = await startProbeApi(one.database.db.databaseName, routes, { RATE_LIMITS: 'off' });
    try {
      for (let hit = 0; hit < 5; hit += 1) expect((await open(off, 'recover', {})).status).toBe(200);
    } finally {
      await off.stop();
    }
    const environment = {
      NODE_ENV: 'production',
      SECRET_KEYS: PROBE_SECRET_KEYS,
      PUBLIC_BASE_URL: 'https://api.example.com',
    };
    expect(parseConfig(environment).RATE_LIMITS).toBe(true);
    expect(() => parseConfig({ ...environment, RATE_LIMITS: 'off' })).toThrow(/RATE_LIMITS: cannot be off/);
  });
});

test('messaging#19: of a flood over two processes no second takes more than 60 sends', async () => {
  await withStack({ apis: 2, workers: 0, env: { RATE_LIMITS: 'on' } }, async ({ database, url }) => {
    const [alice, bob] = await makeSenders(database, 2);
    expect((await send(url(), alice, bob, 'open')).status).toBe(201);
    expect((await send(url(), bob, alice, 'reply')).status).toBe(201);
    await waitFor(() => Date.now() % 1_000 < 100, { intervalMs: 5 });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => send(url(index % 2), alice, bob, `flood-${index}`)),
    );
    const accepted = answers.filter(({ status }) => status === 201);
    const refused = answers.filter(({ status }) => status === 429);
    expect(accepted.length + refused.length).toBe(200);
    expect(refused.length).toBeGreaterThan(0);
    const perSecond = new Map<string, number>();
    for (const { body } of accepted) {
      const second = String(body['created_at']).slice(0, 19);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(60);
  });
});
