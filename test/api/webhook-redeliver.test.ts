import type { Delivery } from '../../store/schema/collections/deliveries';
import { CLOSED_BREAKER, type Webhook } from '../../store/schema/collections/webhooks';
import { call, createTestAgent, type CallOptions, type TestAgent } from '../support/agents';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack, withStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { secretsOf, seedDeliveries, seedWebhook } from '../support/webhook-rig';

const MONTH_MS = 30 * 86_400_000;

describe('sending a delivery again (webhooks.md §11.2)', () => {
  const { stack, database, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  async function setUp(changes: Partial<Webhook> = {}): Promise<{ ada: TestAgent; webhook: Webhook }> {
    const ada = await createTestAgent(database);
    const webhook = await seedWebhook(database, receiver.url, { agentId: ada.agent._id, ...changes }, secretsOf(stack));
    return { ada, webhook };
  }
  const redeliver = (who: TestAgent, { webhookId, _id }: Delivery, options: CallOptions = {}) =>
    call(url(), 'POST', `/v1/webhooks/${webhookId}/deliveries/${_id}/redeliver`, { key: who.apiKey, ...options });
  async function seed(webhook: Webhook, changes: Partial<Delivery>): Promise<Delivery> {
    const ended = { attempts: 1, nextAttemptAt: null, lastStatus: 500, expiresAt: new Date(Date.now() + MONTH_MS) };
    const [row] = await seedDeliveries(database, webhook, 1, { ...ended, ...changes });
    if (row === undefined) throw new Error('nothing seeded');
    return row;
  }
  const rowOf = (id: string) => database.deliveries.findOne({ _id: id });

  test.each(['delivered', 'dead', 'cancelled', 'failed'] as const)(
    'webhooks#31: a %s one is 202: a new delivery of the same bytes and event',
    async (status) => {
      const { ada, webhook } = await setUp();
      const isWaiting = status === 'failed';
      const later = isWaiting ? { nextAttemptAt: new Date(Date.now() + 3_600_000), expiresAt: null } : {};
      const original = await seed(webhook, { status, ...later });
      const { status: code, body } = await redeliver(ada, original);
      expect(code).toBe(202);
      expect(body).toMatchObject({
        webhook_id: webhook._id,
        event: original.event,
        event_id: original.eventId,
        status: 'pending',
        attempts: 0,
        replay_of: original._id,
        last_status: null,
      });
      expect(body.id).toMatch(/^whd_[\w-]{22}$/);
      expect(body.id).not.toBe(original._id);
      const [request] = await receiver.received(1);
      expect(request?.body.toString('utf8')).toBe(original.body);
      expect(request?.headers).toMatchObject({ 'x-agentchat-delivery': body.id, 'x-agentchat-attempt': '1' });
      await waitFor(async () => (await rowOf(body.id))?.status === 'delivered');
      // The event does not come by the old one, too; what was delivered is not touched.
      const mark = status === 'delivered' ? null : body.id;
      expect(await rowOf(original._id)).toMatchObject({ status: isWaiting ? 'cancelled' : status, replayedAsId: mark });
    },
  );

  test('webhooks#31: on an inactive webhook it is 409, and nothing is written', async () => {
    const { ada, webhook } = await setUp({ active: false, disabledReason: 'gone' });
    const original = await seed(webhook, { status: 'dead', deadAt: new Date() });
    expect(await redeliver(ada, original)).toMatchObject({
      status: 409,
      body: { code: 'FORBIDDEN', message: 'This webhook is inactive' },
    });
    expect(await database.deliveries.find({ webhookId: webhook._id }).toArray()).toEqual([original]);
  });

  test('webhooks.md §8: a dead one is sent again once, however many ask; one under way is 409', async () => {
    const { ada, webhook } = await setUp();
    const dead = await seed(webhook, { status: 'dead', deadAt: new Date() });
    const answers = await Promise.all(Array.from({ length: 4 }, () => redeliver(ada, dead)));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409]);
    await database.webhooks.updateOne({ _id: webhook._id }, { $set: { held: 'paused' } });
    const waiting = await seed(webhook, { status: 'pending', nextAttemptAt: new Date(), expiresAt: null });
    expect(await redeliver(ada, waiting)).toMatchObject({
      status: 409,
      body: { message: 'This delivery is still under way' },
    });
    expect((await redeliver(ada, { ...dead, _id: 'whd_none' })).status).toBe(404);
    expect((await redeliver(await createTestAgent(database), dead)).body).toEqual({
      code: 'NOT_FOUND',
      message: 'Webhook not found',
    });
  });

  test('webhooks.md §11.2: what was delivered can be asked for again and again', async () => {
    const { ada, webhook } = await setUp();
    const original = await seed(webhook, { status: 'delivered' });
    const ids = [(await redeliver(ada, original)).body.id, (await redeliver(ada, original)).body.id];
    expect(new Set(ids).size).toBe(2);
    await receiver.received(2);
  });

  test('webhooks.md Decision 14: with wait the first attempt decides: 202 delivered, or 502', async () => {
    const { ada, webhook } = await setUp();
    const original = await seed(webhook, { status: 'delivered' });
    const wait = { body: { wait: true } };
    expect(await redeliver(ada, original, wait)).toMatchObject({
      status: 202,
      body: { status: 'delivered', attempts: 1, last_status: 200, replay_of: original._id },
    });
    receiver.answer(503);
    const refused = await redeliver(ada, original, wait);
    expect(refused).toMatchObject({
      status: 502,
      body: {
        code: 'WEBHOOK_DELIVERY_FAILED',
        details: { status: 'failed', last_status: 503, last_error: 'HTTP 503 Service Unavailable' },
      },
    });
    // It is repeated like any other.
    expect(await rowOf(refused.body.details.delivery_id)).toMatchObject({ status: 'failed', replayOf: original._id });
    expect((await redeliver(ada, original, { body: { wait: 'yes' } })).body.code).toBe('VALIDATION_ERROR');
  });

  test('webhooks.md Decision 14: with wait an endpoint that is held is 202, and says that it is held', async () => {
    const openUntil = new Date(Date.now() + 300_000);
    const { ada, webhook } = await setUp({ breaker: { ...CLOSED_BREAKER, state: 'open', openUntil } });
    const original = await seed(webhook, { status: 'delivered' });
    expect(await redeliver(ada, original, { body: { wait: true } })).toMatchObject({
      status: 202,
      body: { status: 'pending', held: 'circuit_open', attempts: 0 },
    });
    expect(receiver.requests).toEqual([]);
  });
});

describe('the window of redeliveries', () => {
  test('webhooks#31: the 61st in a minute is 429', async () => {
    await withStack({ workers: 0, env: { RATE_LIMITS: 'on' } }, async ({ database, url }) => {
      const ada = await createTestAgent(database);
      const path = '/v1/webhooks/whk_none/deliveries/whd_none/redeliver';
      const codes: number[] = [];
      for (let count = 0; count < 61; count += 1) {
        codes.push((await call(url(), 'POST', path, { key: ada.apiKey })).status);
      }
      expect(codes).toEqual([...Array.from({ length: 60 }, () => 404), 429]);
    });
  });
});
