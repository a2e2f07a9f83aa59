import { randomBytes } from 'node:crypto';
import { publicRoute, agentRoute, type AgentContext, type Reply, type Route } from '../../api/http/route';
import { ENDPOINTS } from '../../contract/endpoints';
import { AppError } from '../../contract/errors';
import { takesIdempotencyKey } from '../../contract/idempotency';
import { hashApiKey, newApiKey } from '../../platform/ids';
import { setStatus } from '../../store/accounts/account-facts';
import { call, createTestAgent, type CallOptions, type TestAgent } from '../support/agents';
import { startProbeApi, type ProbeApi, useProbeApis, probeEndpoint } from '../support/probe-api';
import { waitFor } from '../support/wait';

type Handler = (ctx: AgentContext) => Promise<Reply>;

/** Two servers of one database, with routes whose work the test decides and counts. */
describe('Idempotency-Key', () => {
  let runs = 0;
  let work: Handler;

  const counted: Handler = (ctx) => {
    runs += 1;
    return work(ctx);
  };
  const routes: Route[] = [
    agentRoute(probeEndpoint('POST', '/v1/probe'), counted),
    agentRoute(probeEndpoint('PUT', '/v1/probe/:name'), counted),
    agentRoute(probeEndpoint('DELETE', '/v1/probe'), counted),
    agentRoute(probeEndpoint('GET', '/v1/probe'), counted),
    agentRoute(probeEndpoint('POST', '/v1/probe-without', { ignoresIdempotencyKey: true }), counted),
    publicRoute(probeEndpoint('POST', '/v1/probe-open', { auth: 'none' }), () => {
      runs += 1;
      return Promise.resolve({ status: 200, body: { run: runs } });
    }),
  ];

  const [one, two] = useProbeApis(routes, {}, { PORT: '1' });
  beforeEach(() => {
    runs = 0;
    work = () => Promise.resolve({ status: 201, body: { run: runs, at: new Date().toISOString() } });
  });

  const newKey = () => randomBytes(9).toString('base64url');
  const post = (agent: TestAgent, key: string, options: CallOptions & { at?: ProbeApi; path?: string } = {}) =>
    call((options.at ?? one).baseUrl, 'POST', options.path ?? '/v1/probe', {
      key: agent.apiKey,
      ...options,
      headers: { 'idempotency-key': key, ...options.headers },
    });
  const entryOf = (agent: TestAgent, key: string) =>
    one.database.idempotency.findOne({ _id: `${agent.agent._id}:${key}` });

  test('conventions#4: a repeat gets the first answer byte for byte, on any process, and nothing runs', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    work = () =>
      Promise.resolve({ status: 201, json: '{"2":"ü","1":"\\ud800 "}', headers: { 'X-Backlog-Warning': 'bob=5000' } });
    const first = await post(agent, key, { body: { a: 1 }, headers: { 'x-request-id': 'first' } });
    const again = await post(agent, key, { at: two, body: { a: 1 }, headers: { 'x-request-id': 'again' } });
    expect([first.status, first.text]).toEqual([201, '{"2":"ü","1":"\\ud800 "}']);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(first.headers.get('idempotent-replay')).toBeNull();
    expect(again.headers.get('idempotent-replay')).toBe('true');
    const kept = (headers: Headers) =>
      [...headers].filter(([name]) => !/^(idempotent-replay|x-request-id|date)$/.test(name));
    expect(kept(again.headers)).toEqual(kept(first.headers));
    expect(again.headers.get('x-request-id')).toBe('again');
    expect(runs).toBe(1);
  });

  test('conventions#4: another body, path or method is a conflict; a query string is not part of it', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    await post(agent, key, { body: { a: 1 } });
    const others = [
      await post(agent, key, { body: { a: 2 } }),
      await post(agent, key, { body: '{"a": 1}' }),
      await call(one.baseUrl, 'PUT', '/v1/probe/x', {
        key: agent.apiKey,
        body: { a: 1 },
        headers: { 'idempotency-key': key },
      }),
      await call(two.baseUrl, 'DELETE', '/v1/probe', { key: agent.apiKey, headers: { 'idempotency-key': key } }),
    ];
    for (const other of others) expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_CONFLICT']);
    const query = await post(agent, key, { body: { a: 1 }, path: '/v1/probe?x=1' });
    expect(query.headers.get('idempotent-replay')).toBe('true');
    expect(runs).toBe(1);
  });

  test('conventions#4: two agents with one key are independent', async () => {
    const [alice, bob] = [await createTestAgent(one.database), await createTestAgent(one.database)];
    const key = newKey();
    await post(alice, key, { body: { a: 1 } });
    const other = await post(bob, key, { body: { a: 2 } });
    expect([other.status, other.headers.get('idempotent-replay'), runs]).toEqual([201, null, 2]);
  });

  test('conventions#4: of many at once on two processes one runs, the others are told that it does', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    let finish = () => {};
    const finished = new Promise<void>((resolve) => (finish = resolve));
    work = async () => {
      await finished;
      return { status: 201, body: { ok: true } };
    };
    const calls = Array.from({ length: 12 }, (_, index) => post(agent, key, { at: index % 2 ? one : two, body: {} }));
    await waitFor(() => runs > 0);
    const settled: number[] = [];
    for (const answer of calls) void answer.then(({ status }) => settled.push(status));
    await waitFor(() => settled.length === 11);
    const other = await post(agent, key, { body: { other: true } });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_CONFLICT']);
    finish();
    const answers = await Promise.all(calls);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 201))
      expect([answer.status, answer.body.code]).toEqual([409, 'IDEMPOTENT_IN_PROGRESS']);
    expect((await post(agent, key, { body: {} })).headers.get('idempotent-replay')).toBe('true');
    expect(runs).toBe(1);
  });

  /** The answers to a first and a second use of one key, on two processes, when the work always ends in `error`. */
  const failTwice = async (error: Error) => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    work = () => Promise.reject(error);
    const first = await post(agent, key, { body: {} });
    const again = await post(agent, key, { body: {}, at: two });
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(again.headers.get('retry-after')).toBe(first.headers.get('retry-after'));
    return { again, entry: await entryOf(agent, key) };
  };

  test.each([
    ['404', new AppError('AGENT_NOT_FOUND')],
    ['409', new AppError('ALREADY_REPORTED')],
    ['410', new AppError('GROUP_DELETED', { group_id: 'grp_x' })],
    ['403', new AppError('BLOCKED')],
  ])('conventions#4: a refusal with %s is final: it is replayed', async (_status, error) => {
    const { again } = await failTwice(error);
    expect([again.headers.get('idempotent-replay'), runs]).toEqual(['true', 1]);
  });

  test.each([
    ['429', new AppError('RATE_LIMITED', { scope: 'mute_write' }, 1_500)],
    ['500', new AppError('INTERNAL_ERROR')],
    ['503', new AppError('SERVICE_UNAVAILABLE')],
    ['500 of a bug', new Error('a bug')],
    ['401 because the key died meanwhile', new AppError('UNAUTHORIZED')],
    ['403 because of a suspension meanwhile', new AppError('SUSPENDED')],
  ])('conventions#4: a %s is not final: the key is free again', async (_status, error) => {
    const { again, entry } = await failTwice(error);
    expect([again.headers.get('idempotent-replay'), runs, entry]).toEqual([null, 2, null]);
  });

  test('conventions#4: an answer above 64 KiB is not kept, one of 64 KiB is', async () => {
    for (const [bytes, isKept] of [
      [65_536, true],
      [65_537, false],
    ] as const) {
      const agent = await createTestAgent(one.database);
      const key = newKey();
      work = () => Promise.resolve({ status: 200, json: JSON.stringify('x'.repeat(bytes - 2)) });
      expect((await post(agent, key)).text).toHaveLength(bytes);
      expect((await post(agent, key)).headers.get('idempotent-replay')).toBe(isKept ? 'true' : null);
    }
  });

  test('conventions#4: only 8 to 128 of A-Z a-z 0-9 _ - are a key, and a bad one runs nothing', async () => {
    const agent = await createTestAgent(one.database);
    for (const key of ['', 'x'.repeat(7), 'x'.repeat(129), 'with a space', 'ümlautkey', 'dotted.key.', '$ne12345'])
      expect([key, (await post(agent, key)).body.code]).toEqual([key, 'IDEMPOTENCY_KEY_INVALID']);
    const twice = await fetch(`${one.baseUrl}/v1/probe`, {
      method: 'POST',
      headers: [
        ['authorization', `Bearer ${agent.apiKey}`],
        ['idempotency-key', 'first-key'],
        ['idempotency-key', 'second-key'],
      ],
    });
    expect(twice.status).toBe(400);
    expect(runs).toBe(0);
    for (const key of ['x'.repeat(8), `${'-'.repeat(64)}${'_'.repeat(64)}`])
      expect((await post(agent, key)).status).toBe(201);
  });

  test('conventions#4: ignored on GET, on endpoints that opt out and on open ones, whatever it holds', async () => {
    const agent = await createTestAgent(one.database);
    for (const key of [newKey(), 'bad key']) {
      for (const [method, path] of [
        ['GET', '/v1/probe'],
        ['POST', '/v1/probe-without'],
        ['POST', '/v1/probe-open'],
      ] as const) {
        const before = runs;
        for (const expected of [before + 1, before + 2]) {
          const answer = await call(one.baseUrl, method, path, {
            key: agent.apiKey,
            headers: { 'idempotency-key': key },
          });
          expect(answer.body.run).toBe(expected);
          expect(answer.headers.get('idempotent-replay')).toBeNull();
        }
      }
    }
    expect(await one.database.idempotency.countDocuments({ _id: { $regex: `^${agent.agent._id}` } })).toBe(0);
  });

  test('conventions#4: a kept answer expires a day after its completion, though the row is still there', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    await post(agent, key, { body: {} });
    const entry = await entryOf(agent, key);
    const leftMs = (entry?.expiresAt.getTime() ?? 0) - Date.now();
    expect(leftMs).toBeGreaterThan(86_400_000 - 60_000);
    expect(leftMs).toBeLessThan(86_400_000 + 60_000);
    await one.database.idempotency.updateOne({ _id: entry?._id }, { $set: { expiresAt: new Date(Date.now() - 1) } });
    const later = await post(agent, key, { body: { another: 'request' } });
    expect([later.status, later.headers.get('idempotent-replay'), runs]).toEqual([201, null, 2]);
    const indexes = await one.database.idempotency.indexes();
    expect(indexes.find(({ name }) => name === 'expires_at')).toMatchObject({ expireAfterSeconds: 0 });
  });

  test('conventions#4: every mutation of an agent honours the header but those that the contract names', () => {
    const deaf = ENDPOINTS.filter(
      // Callers of the chat gateway are no agents.
      ({ auth, method }) => method !== 'GET' && auth !== 'none' && auth !== 'principal',
    ).filter((candidate) => !takesIdempotencyKey(candidate));
    const named = ['/v1/messages', '/v1/messages/sync/ack', '/rotate-key', '/rotate-key/verify', '/v1/uploads'];
    for (const { path } of deaf)
      expect(named.filter((name) => path.endsWith(name) || path.startsWith('/v1/uploads/'))).not.toEqual([]);
    expect(deaf.map(({ path }) => path)).toContain('/v1/messages');
    // A caller who is not looked up first could get a replay after its key was rotated away.
    expect(ENDPOINTS.filter((each) => each.provesCaller === true && takesIdempotencyKey(each))).toEqual([]);
  });

  test('conventions#5: a replay needs a live key of an agent that is not suspended', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    await post(agent, key);
    const rotated = newApiKey();
    await one.database.agents.updateOne({ _id: agent.agent._id }, { $set: { apiKeyHash: hashApiKey(rotated) } });
    expect((await post(agent, key)).status).toBe(401);
    expect((await post({ ...agent, apiKey: rotated }, key)).headers.get('idempotent-replay')).toBe('true');
    await setStatus(one.database, agent.agent._id, 'suspended', new Date());
    expect((await post({ ...agent, apiKey: rotated }, key)).body.code).toBe('SUSPENDED');
    expect(runs).toBe(1);
  });

  test('a process that dies in the middle leaves a marker of at most 60 s; then the request runs again', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    const dying = await startProbeApi(one.database.db.databaseName, routes);
    let release = () => {};
    work = () => new Promise<Reply>((resolve) => (release = () => resolve({ status: 200, body: { late: true } })));
    const cut = post(agent, key, { at: dying, body: {} }).catch(() => 'cut');
    await waitFor(() => runs === 1);
    await dying.stop();
    expect(await cut).toBe('cut');
    expect((await post(agent, key, { body: {} })).body.code).toBe('IDEMPOTENT_IN_PROGRESS');
    const marker = await entryOf(agent, key);
    expect((marker?.expiresAt.getTime() ?? 0) - Date.now()).toBeLessThan(60_500);
    await one.database.idempotency.updateOne({ _id: marker?._id }, { $set: { expiresAt: new Date(Date.now() - 1) } });
    work = () => Promise.resolve({ status: 200, body: { late: false } });
    expect((await post(agent, key, { body: {} })).body).toEqual({ late: false });
    release();
    expect((await post(agent, key, { body: {} })).body).toEqual({ late: false });
  });

  test('a run that outlives its marker keeps nothing: the answer belongs to who claimed after it', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    let release = () => {};
    work = () => new Promise<Reply>((resolve) => (release = () => resolve({ status: 200, body: { run: 'slow' } })));
    const slow = post(agent, key, { body: {} });
    await waitFor(() => runs === 1);
    await one.database.idempotency.updateOne(
      { _id: `${agent.agent._id}:${key}` },
      { $set: { expiresAt: new Date(Date.now() - 1) } },
    );
    work = () => Promise.resolve({ status: 200, body: { run: 'second' } });
    expect((await post(agent, key, { at: two, body: {} })).body).toEqual({ run: 'second' });
    release();
    expect((await slow).body).toEqual({ run: 'slow' });
    expect((await post(agent, key, { body: {} })).body).toEqual({ run: 'second' });
  });

  test('nothing of an answer can be read from the store, nor moved to another key', async () => {
    const agent = await createTestAgent(one.database);
    const [key, other] = [newKey(), newKey()];
    work = () => Promise.resolve({ status: 201, body: { secret: 'whsec_of_a_webhook', email: 'a@example.com' } });
    const first = await post(agent, key, { body: {} });
    await post(agent, other, { body: {} });
    const entry = await entryOf(agent, key);
    const stored = Buffer.from(entry?.answer?.bytes.buffer ?? []).toString('latin1');
    expect(stored.length).toBeGreaterThan(50);
    expect(stored).not.toContain('whsec_');
    expect(stored).not.toContain('example.com');
    expect(JSON.stringify(entry)).not.toContain(agent.apiKey);
    expect((await post(agent, key, { body: {} })).text).toBe(first.text);
    await one.database.idempotency.updateOne(
      { _id: `${agent.agent._id}:${other}` },
      { $set: { answer: entry?.answer ?? null } },
    );
    const before = runs;
    await post(agent, other, { body: {} });
    expect(runs).toBe(before + 1);
  });

  test('a store that refuses leaves the request served as though no key was sent', async () => {
    const agent = await createTestAgent(one.database);
    const key = newKey();
    const { db } = one.database;
    await db.command({ collMod: 'idempotency', validator: { never: { $exists: true } } });
    try {
      for (const run of [1, 2]) expect((await post(agent, key, { body: {} })).body.run).toBe(run);
    } finally {
      await db.command({ collMod: 'idempotency', validator: {} });
    }
  });
});
