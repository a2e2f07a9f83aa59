import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WEBHOOK_EVENTS } from '../../contract/events';
import { webhookTestId } from '../../workflows/messages/webhook-test';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { traceOf } from '../support/flow-traces';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack, withStack } from '../support/use-stack';
import { seedWebhook, secretsOf } from '../support/webhook-rig';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

describe('tests of endpoints', () => {
  const { stack, database, client: temporal, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();
  let ada: TestAgent;
  beforeEach(async () => {
    ada = await createTestAgent(database);
  });

  const as = (method: string, path: string, body?: object): Promise<CallAnswer> =>
    call(url(), method, `/v1/webhooks${path}`, { key: ada.apiKey, ...(body === undefined ? {} : { body }) });
  const create = (body: object = {}) => as('POST', '', { url: receiver.url, events: ['message.new'], ...body });
  const rowOf = (id: string) => database.webhooks.findOne({ _id: id });

  test('webhooks#37: a good endpoint gets one signed ping; nothing of the webhook changes', async () => {
    const { id, secret } = (await create()).body;
    const before = await rowOf(id);
    const tested = await as('POST', `/${id}/test`);
    expect([tested.status, tested.body]).toEqual([
      200,
      { delivered: true, status: 200, duration_ms: expect.any(Number), error: null },
    ]);
    expect(receiver.requests).toHaveLength(1);
    const [request] = receiver.requests;
    const signature = String(request?.headers['agentchat-signature']);
    expect(await verifyWebhook({ payload: request?.body ?? '', signature, secret })).toEqual({
      event: 'ping',
      timestamp: expect.any(String),
      data: { webhook_id: id },
      id: expect.stringMatching(/^evt_/),
      test: true,
    });
    expect(request?.headers).toMatchObject({ 'x-agentchat-event': 'ping', 'x-agentchat-attempt': '1' });
    expect(await rowOf(id)).toEqual(before);
    expect(await database.deliveries.countDocuments({ webhookId: id })).toBe(0);
    expect(await database.outbox.countDocuments({ kind: 'webhook.test' })).toBe(0);
  });

  test('webhooks#37: every event has a sample that is marked as a test', async () => {
    const { id } = (await create()).body;
    for (const event of WEBHOOK_EVENTS) {
      expect((await as('POST', `/${id}/test`, { event })).body.delivered).toBe(true);
    }
    const bodies = receiver.requests.map(({ body }) => JSON.parse(body.toString()));
    expect(bodies.map(({ event, test }) => [event, test])).toEqual(WEBHOOK_EVENTS.map((event) => [event, true]));
    for (const event of ['message.deleted', 'agent.created', 7]) {
      const refused = await as('POST', `/${id}/test`, { event });
      expect([event, refused.status, Object.keys(refused.body.details.fieldErrors)]).toEqual([event, 400, ['event']]);
    }
    expect(receiver.requests).toHaveLength(WEBHOOK_EVENTS.length);
  });

  test('webhooks#37: a failing endpoint is asked once; circuit, envelopes and backlog hear nothing of it', async () => {
    const { id } = (await create()).body;
    receiver.answer(503);
    for (let count = 1; count <= 6; count += 1) {
      const { status, body } = await as('POST', `/${id}/test`, { event: 'message.new' });
      expect([status, body.delivered, body.status, body.error]).toEqual([
        200,
        false,
        503,
        'HTTP 503 Service Unavailable',
      ]);
      expect(receiver.requests).toHaveLength(count);
    }
    expect(await rowOf(id)).toMatchObject({ active: true, breaker: { state: 'closed', consecutive: 0 } });
    expect(await database.outbox.countDocuments({ kind: 'webhook.trouble', webhookId: id })).toBe(0);
  });

  test('webhooks#37: an endpoint that hangs is answered within 15 seconds', async () => {
    const { id } = (await create()).body;
    receiver.answer(() => undefined);
    const startedMs = Date.now();
    const { status, body } = await as('POST', `/${id}/test`);
    expect(Date.now() - startedMs).toBeLessThan(15_000);
    expect([status, body.delivered, body.status, body.error]).toEqual([200, false, null, 'timeout']);
    expect(receiver.requests).toHaveLength(1);
  }, 30_000);

  test('webhooks#37: an inactive webhook can be tested before it is switched on again', async () => {
    const { id } = (await create()).body;
    await as('PATCH', `/${id}`, { active: false });
    expect((await as('POST', `/${id}/test`)).body.delivered).toBe(true);
    expect(await rowOf(id)).toMatchObject({ active: false });
  });

  test('webhooks#37: with verify the webhook is made only if its endpoint takes the ping', async () => {
    receiver.answer(403);
    const refused = await create({ verify: true });
    expect([refused.status, refused.body.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(refused.body.details.fieldErrors.url).toEqual([expect.stringContaining('HTTP 403')]);
    expect((await as('GET', '')).body).toEqual({ webhooks: [] });
    receiver.answer(204);
    const created = await create({ verify: true });
    expect(created.status).toBe(201);
    const ping = receiver.requests.at(-1);
    const signature = String(ping?.headers['agentchat-signature']);
    const payload = await verifyWebhook({ payload: ping?.body ?? '', signature, secret: created.body.secret });
    expect(payload).toMatchObject({ event: 'ping', data: { webhook_id: created.body.id } });
    await create();
    expect(receiver.requests).toHaveLength(2);
  });

  test('webhooks.md §2.1: with five webhooks nobody is pinged', async () => {
    for (let made = 0; made < 5; made += 1) await create();
    expect((await create({ verify: true })).body.code).toBe('LIMIT_REACHED');
    expect(receiver.requests).toEqual([]);
  });

  test('histories and logs of tests hold no URL and no secret', async () => {
    const { id, secret } = (await create({ url: `${receiver.url}?token=private-token` })).body;
    expect((await as('POST', `/${id}/test`)).body.delivered).toBe(true);
    const testId = String(receiver.requests[0]?.headers['x-agentchat-delivery']);
    const trace = await traceOf(temporal.workflow.getHandle(webhookTestId(testId)));
    expect(trace).toContain(testId);
    const logs = [...stack.apis, ...stack.workers].flatMap((child) => child.tail()).join('\n');
    for (const text of [trace, logs]) {
      for (const hidden of ['private-token', secret]) expect(text).not.toContain(hidden);
    }
  });
});

describe('tests of endpoints, elsewhere', () => {
  test('webhooks#37: a private address is not connected to, and the eleventh test in a minute is 429', async () => {
    await withStack({ env: { RATE_LIMITS: 'on' } }, async ({ stack, database, url }) => {
      const ada = await createTestAgent(database);
      const own = { agentId: ada.agent._id };
      const webhook = await seedWebhook(database, 'https://127.0.0.1:9/hook', own, secretsOf(stack));
      const test = () => call(url(), 'POST', `/v1/webhooks/${webhook._id}/test`, { key: ada.apiKey });
      expect((await test()).body).toMatchObject({ delivered: false, status: null, error: 'blocked_address' });
      const answers: CallAnswer[] = [];
      // A window may end in between: then its limit is met in the next one.
      while (answers.at(-1)?.status !== 429 && answers.length < 22) answers.push(await test());
      const refused = answers.at(-1);
      expect(refused).toMatchObject({ status: 429, body: { details: { scope: 'webhook_test', limit: 10 } } });
      expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    });
  });

  test('a test that no worker takes is 503, and leaves nothing behind', async () => {
    await withStack({ workers: 0, env: LOCAL_RECEIVERS }, async ({ stack, database, url }) => {
      const ada = await createTestAgent(database);
      const own = { agentId: ada.agent._id };
      const webhook = await seedWebhook(database, 'http://127.0.0.1:9/hook', own, secretsOf(stack));
      const answer = await call(url(), 'POST', `/v1/webhooks/${webhook._id}/test`, { key: ada.apiKey });
      expect(answer).toMatchObject({ status: 503, body: { code: 'SERVICE_UNAVAILABLE' } });
      expect(await database.outbox.countDocuments({ kind: 'webhook.test' })).toBe(0);
    });
  }, 60_000);
});
