import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { announceAgent } from '../../store/webhooks/intents/announce-agent';
import { createWebhookSecrets } from '../../store/webhooks/webhook-secrets';
import { call, createTestAgent, type CallAnswer, type CallOptions, type TestAgent } from '../support/agents';
import { bodyOf, intentWorker } from '../support/intents';
import { useStack, withStack } from '../support/use-stack';

/** An address needs no name server. */
const URL = 'https://8.8.8.8/hook';

describe('the resource /v1/webhooks', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  const on = (node: number, by: TestAgent, method: string, path: string, options: CallOptions = {}) =>
    call(url(node), method, path, { key: by.apiKey, ...options });
  const create = (by: TestAgent, body: object = {}, options: CallOptions = {}, node = 0): Promise<CallAnswer> =>
    on(node, by, 'POST', '/v1/webhooks', { body: { url: URL, events: ['message.new'], ...body }, ...options });
  const list = async (by: TestAgent): Promise<{ id: string }[]> =>
    (await on(1, by, 'GET', '/v1/webhooks')).body.webhooks;
  const counted = async ({ agent }: TestAgent): Promise<number | undefined> =>
    (await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agent._id) }))?.webhooks;

  test('identity.md §4: system agents may ask for agent.created, ordinary ones may not', async () => {
    const [ada, system] = [await createTestAgent(database), await createTestAgent(database, { isSystem: true })];
    const refused = await create(ada, { events: ['message.new', 'agent.created'] });
    expect([refused.status, refused.body.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(Object.keys(refused.body.details.fieldErrors)).toEqual(['events']);
    expect((await create(system, { events: ['agent.created'] })).status).toBe(201);
    const news = await createTestAgent(database);
    await announceAgent(database, news.agent);
    const worker = intentWorker(database);
    await worker.expandAll();
    const [delivery] = await worker.deliveriesOf(system.agent._id);
    const { handle, displayName, createdAt } = news.agent;
    expect(bodyOf(delivery)).toMatchObject({
      event: 'agent.created',
      timestamp: createdAt.toISOString(),
      data: { handle, display_name: displayName, created_at: createdAt.toISOString() },
    });
    const explained = await database.webhooks.find({ events: 'agent.created', active: true }).explain('queryPlanner');
    expect(JSON.stringify(explained)).toContain('"indexName":"asks_for_agents"');
  });

  test('webhooks#1: a creation shows the secret once; get and list show neither it nor the agent', async () => {
    const ada = await createTestAgent(database);
    const created = await create(ada, { events: ['message.read', 'message.new', 'message.read'], more: 1 });
    const { id, secret, ...rest } = created.body;
    expect(created.status).toBe(201);
    expect(rest).toEqual({
      url: URL,
      events: ['message.read', 'message.new'],
      active: true,
      disabled_reason: null,
      description: null,
      filter: null,
      rate_limit: null,
      ordering: 'none',
      batching: false,
      secret_hint: secret.slice(-4),
      previous_secret_expires_at: null,
      public_key: null,
      previous_public_key: null,
      previous_public_key_expires_at: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect(id).toMatch(/^whk_[\w-]{16,}$/);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    const shown = { id, ...rest };
    expect((await on(1, ada, 'GET', `/v1/webhooks/${id}`)).body).toEqual(shown);
    expect((await on(1, ada, 'GET', '/v1/webhooks')).body).toEqual({ webhooks: [shown] });
    const row = await database.webhooks.findOne({ _id: id });
    expect(JSON.stringify(row)).not.toContain(secret);
    if (row === null) throw new Error('no row');
    const keys = [{ id: 'test', key: Buffer.from(stack.secretKeys.replace('test:', ''), 'base64') }];
    expect(createWebhookSecrets(keys).open(row)).toBe(secret);
  });

  test('webhooks.md §2.1: an own secret of 24 to 255 printable characters is taken as it is', async () => {
    const ada = await createTestAgent(database);
    for (const secret of ['0123456789 abcdefghijk~!', '"'.repeat(255)]) {
      expect(await create(ada, { secret })).toMatchObject({ status: 201, body: { secret } });
    }
    for (const secret of ['a'.repeat(23), 'a'.repeat(256), `${'a'.repeat(24)}é`, `${'a'.repeat(24)}\n`, '', 7]) {
      const answer = await create(ada, { secret });
      expect(answer).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
      expect(answer.body.details.fieldErrors).toEqual({ secret: [expect.any(String)] });
    }
  });

  test('webhooks#3: no or unknown events, other schemes and relative URLs are 400 with fieldErrors', async () => {
    const ada = await createTestAgent(database);
    const faulty: [string, object][] = [
      ['events', { events: [] }],
      ['events', { events: ['message.deleted'] }],
      ['events', { events: 'message.new' }],
      ['url', { url: 'ftp://example.com/hook' }],
      ['url', { url: '/hooks' }],
      ['url', { url: 'http://example.com/hook' }],
      ['url', { url: 'https://127.0.0.1/hook' }],
      ['url', { url: 'https://0x7f000001/hook' }],
      ['url', { url: 'https://localhost/hook' }],
      ['url', { url: `https://example.com/${'a'.repeat(2_048)}` }],
      ['url', { url: 17 }],
      ['legacy_signature', { legacy_signature: 'yes' }],
      ['ed25519_signature', { ed25519_signature: 'yes' }],
    ];
    for (const [field, body] of faulty) {
      const answer = await create(ada, body);
      expect([body, answer.status, answer.body.code]).toEqual([body, 400, 'VALIDATION_ERROR']);
      const details = { formErrors: [], fieldErrors: { [field]: [expect.any(String)] } };
      expect([body, answer.body.details]).toEqual([body, details]);
    }
    expect(await list(ada)).toEqual([]);
    expect(await counted(ada)).toBe(0);
  });

  test('webhooks.md §3: a name that nobody can resolve is accepted', async () => {
    const ada = await createTestAgent(database);
    expect((await create(ada, { url: 'https://nobody-has-this-name.invalid/hook' })).status).toBe(201);
  });

  test('webhooks#4: the webhook of another agent is 404 like an unknown one', async () => {
    const [ada, bob] = [await createTestAgent(database), await createTestAgent(database)];
    const { id } = (await create(ada)).body;
    for (const path of [`/v1/webhooks/${id}`, '/v1/webhooks/whk_0000000000000000', '/v1/webhooks/%00']) {
      for (const method of ['GET', 'DELETE']) {
        expect(await on(0, bob, method, path)).toMatchObject({
          status: 404,
          body: { code: 'NOT_FOUND', message: 'Webhook not found' },
        });
      }
    }
    expect(await list(ada)).toHaveLength(1);
    expect((await on(0, ada, 'DELETE', `/v1/webhooks/${id}`)).body).toEqual({ ok: true });
    expect((await on(1, ada, 'DELETE', `/v1/webhooks/${id}`)).status).toBe(404);
    expect([await list(ada), await counted(ada)]).toEqual([[], 0]);
  });

  test('webhooks#2: the sixth is refused; of five at once on four exactly one is created, whatever the node', async () => {
    const ada = await createTestAgent(database);
    const ids: string[] = [];
    for (let made = 0; made < 4; made += 1) ids.push((await create(ada, {}, {}, made % 2)).body.id);
    // Counted although it gets nothing.
    await database.webhooks.updateOne({ _id: ids[0] }, { $set: { active: false, disabledReason: 'gone' } });
    const answers = await Promise.all(Array.from({ length: 5 }, (_, index) => create(ada, {}, {}, index % 2)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400, 400]);
    for (const { body } of answers.filter(({ status }) => status === 400)) {
      expect(body).toEqual({ code: 'LIMIT_REACHED', message: 'Maximum 5 webhooks per agent' });
    }
    const listed = await list(ada);
    expect(listed.slice(0, 4).map(({ id }) => id)).toEqual(ids);
    expect([listed.length, await counted(ada)]).toEqual([5, 5]);
    expect((await create(ada, { events: [] })).body.code).toBe('VALIDATION_ERROR');
    await on(0, ada, 'DELETE', `/v1/webhooks/${ids[0]}`);
    expect((await create(ada)).status).toBe(201);
  });

  test('webhooks.md §2.1: a repeat with the same Idempotency-Key gets the first answer with its secret', async () => {
    const ada = await createTestAgent(database);
    const headers = { 'idempotency-key': 'webhook-of-ada-1' };
    const first = await create(ada, {}, { headers });
    const second = await create(ada, {}, { headers }, 1);
    expect([second.status, second.body]).toEqual([201, first.body]);
    expect(second.headers.get('idempotent-replay')).toBe('true');
    expect(await list(ada)).toHaveLength(1);
    const kept = await database.idempotency.findOne({ _id: `${ada.agent._id}:webhook-of-ada-1` });
    const bytes = kept?.answer?.bytes.buffer ?? Buffer.alloc(0);
    expect(bytes.length).toBeGreaterThan(0);
    expect(Buffer.from(bytes).includes(first.body.secret)).toBe(false);
  });

  test('webhooks.md §2: no key is 401, a suspended agent 403; restricted and paused ones manage theirs', async () => {
    const ada = await createTestAgent(database);
    expect((await call(url(), 'GET', '/v1/webhooks')).body.code).toBe('UNAUTHORIZED');
    const become = (facts: object) => database.agents.updateOne({ _id: ada.agent._id }, { $set: facts });
    await become({ status: 'restricted', pausedByOwner: 'full' });
    expect((await create(ada)).status).toBe(201);
    await become({ status: 'suspended' });
    expect(await create(ada)).toMatchObject({ status: 403, body: { code: 'SUSPENDED' } });
  });

  test('creations and removals stand in the activity log, without URL and secret', async () => {
    const ada = await createTestAgent(database);
    const { id, secret } = (await create(ada)).body;
    await on(0, ada, 'DELETE', `/v1/webhooks/${id}`);
    const ofAda = { targetId: ada.agent._id, action: /^webhook/ };
    const events = await database.auditEvents.find(ofAda, { sort: { createdAt: 1, action: 1 } }).toArray();
    const told = { actorType: 'agent', actorId: ada.agent._id, metadata: { webhook_id: id, events: ['message.new'] } };
    expect(events).toEqual([
      expect.objectContaining({ ...told, action: 'webhook.created' }),
      expect.objectContaining({ ...told, action: 'webhook.deleted' }),
    ]);
    for (const hidden of [secret, URL]) expect(JSON.stringify(events)).not.toContain(hidden);
  });
});

describe('the window of creations', () => {
  test('the 31st creation of an agent in a minute is 429, also when none of them was valid', async () => {
    await withStack({ workers: 0, env: { RATE_LIMITS: 'on' } }, async ({ database, url }) => {
      const ada = await createTestAgent(database);
      const create = () => call(url(), 'POST', '/v1/webhooks', { key: ada.apiKey, body: {} });
      const codes: string[] = [];
      // A window may end in between: then its limit is met in the next one.
      while (codes.at(-1) !== 'RATE_LIMITED' && codes.length < 62) codes.push((await create()).body.code);
      expect(codes.length).toBeGreaterThanOrEqual(31);
      const refused = await create();
      expect(refused).toMatchObject({ status: 429, body: { details: { scope: 'webhook_create', limit: 30 } } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    });
  });
});
