import type { Webhook } from '../../store/schema/collections/webhooks';
import { call } from '../support/agents';
import { startReceiver, LOCAL_RECEIVERS } from '../support/receiver';
import { waitFor } from '../support/wait';
import { secretsOf, seedDeliveries, seedWebhook } from '../support/webhook-rig';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';

const OPS_TOKEN = 'operator-token-of-at-least-32-characters';
describe('dead letters of webhooks (webhooks.md §8)', () => {
  const receiver = use(startReceiver, (receiver) => receiver.close());
  const { stack, database, url } = useStack({ env: { OPS_ADMIN_TOKEN: OPS_TOKEN, ...LOCAL_RECEIVERS } });

  const ops = (method: string, path: string, key = OPS_TOKEN) => call(url(), method, path, { key });
  const replay = (id: string) => ops('POST', `/internal/dead-letters/${id}/replay`);
  async function deadAt(webhook: Webhook, at: Date) {
    const [row] = await seedDeliveries(database, webhook, 1, {
      status: 'dead',
      attempts: 9,
      nextAttemptAt: null,
      lastStatus: 503,
      lastError: 'HTTP 503 Service Unavailable',
      firstAttemptAt: new Date(at.getTime() - 112_900_000),
      lastAttemptAt: at,
      deadAt: at,
      expiresAt: new Date(at.getTime() + 30 * 86_400_000),
    });
    if (row === undefined) throw new Error('nothing seeded');
    return row;
  }
  const seed = (changes: Partial<Webhook> = {}) => seedWebhook(database, receiver.url, changes, secretsOf(stack));

  test('operators read them newest first, page by page, with what was sent; nobody else does', async () => {
    const webhook = await seed();
    const gone = await seed();
    await database.webhooks.deleteOne({ _id: gone._id });
    const base = Date.now() - 3_600_000;
    const rows = [];
    for (let index = 0; index < 3; index += 1)
      rows.push(await deadAt(index === 1 ? gone : webhook, new Date(base + index)));
    const first = await ops('GET', '/internal/dead-letters?limit=2');
    expect(first.status).toBe(200);
    expect(first.body.dead_letters.map(({ id }: { id: string }) => id)).toEqual([rows[2]?._id, rows[1]?._id]);
    expect(first.body.dead_letters[0]).toEqual({
      id: rows[2]?._id,
      webhook_id: webhook._id,
      agent_id: webhook.agentId,
      event: 'message.new',
      event_id: rows[2]?.eventId,
      payload: JSON.parse(rows[2]?.body ?? ''),
      attempts: 9,
      last_status: 503,
      last_error: 'HTTP 503 Service Unavailable',
      first_attempt_at: rows[2]?.firstAttemptAt?.toISOString(),
      last_attempt_at: rows[2]?.lastAttemptAt?.toISOString(),
      dead_at: rows[2]?.deadAt?.toISOString(),
      replayed_at: null,
      replayed_as_id: null,
    });
    expect(first.body.dead_letters[1].webhook_id).toBeNull();
    const second = await ops('GET', `/internal/dead-letters?limit=2&before=${first.body.next_before}`);
    expect(second.body.dead_letters.map(({ id }: { id: string }) => id)).toEqual([rows[0]?._id]);
    expect(second.body.next_before).toBeNull();
    expect((await ops('GET', '/internal/dead-letters?before=yesterday')).body.code).toBe('VALIDATION_ERROR');
    expect((await ops('GET', '/internal/dead-letters', 'another-token')).status).toBe(401);
    expect((await replay(rows[1]?._id ?? '')).status).toBe(409);
  });

  test('a replay is a new delivery of the same bytes and event, once, however many ask', async () => {
    receiver.requests.splice(0);
    const webhook = await seed();
    const dead = await deadAt(webhook, new Date());
    const answers = await Promise.all(Array.from({ length: 5 }, () => replay(dead._id)));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409]);
    const accepted = answers.find(({ status }) => status === 202)?.body;
    expect(accepted.replay_of).toBe(dead._id);
    expect(accepted.id).not.toBe(dead._id);
    const [request] = await receiver.received(1);
    expect(request?.body.toString('utf8')).toBe(dead.body);
    expect(request?.headers).toMatchObject({ 'x-agentchat-delivery': accepted.id, 'x-agentchat-attempt': '1' });
    await waitFor(async () => (await database.deliveries.findOne({ _id: accepted.id }))?.status === 'delivered');
    expect(await database.deliveries.findOne({ _id: dead._id })).toMatchObject({
      status: 'dead',
      replayedAt: expect.any(Date),
      replayedAsId: accepted.id,
    });
    expect((await replay(dead._id)).body).toMatchObject({ message: 'This dead letter was replayed already' });
    expect(receiver.requests).toHaveLength(1);
  });

  test('what is unknown or no dead letter is 404, one of an inactive webhook 409', async () => {
    const inactive = await seed({ active: false, disabledReason: 'gone' });
    const dead = await deadAt(inactive, new Date());
    expect(await replay(dead._id)).toMatchObject({
      status: 409,
      body: { message: 'Its webhook is deleted or inactive' },
    });
    expect((await replay('whd_unknown')).status).toBe(404);
    const [waiting] = await seedDeliveries(database, inactive, 1, { status: 'failed', attempts: 2 });
    expect((await replay(waiting?._id ?? '')).status).toBe(404);
    expect(await database.deliveries.findOne({ _id: dead._id })).toMatchObject({ replayedAt: null });
  });
});
