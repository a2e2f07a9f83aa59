import { WEBHOOK_EVENTS } from '../../contract/events';
import type { Delivery } from '../../store/schema/collections/deliveries';
import { CLOSED_BREAKER, type Webhook } from '../../store/schema/collections/webhooks';
import { requestRetry } from '../../store/webhooks/attempts/retry-requests';
import { call, createTestAgent, type CallOptions, type Parsed, type TestAgent } from '../support/agents';
import { LOCAL_RECEIVERS, startReceiver, useReceiver } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SECRET, secretsOf, seedDeliveries, seedWebhook } from '../support/webhook-rig';

const STATUSES = ['pending', 'delivering', 'delivered', 'failed', 'dead', 'cancelled'] as const;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

type Filter = [query: Record<string, string>, isWanted: (row: Delivery) => boolean];

describe('what an agent sees of its deliveries (webhooks.md §11.1)', () => {
  const { stack, database, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  const as = (who: TestAgent, method: string, path: string, options: CallOptions = {}) =>
    call(url(), method, path, { key: who.apiKey, ...options });
  const hookOf = (who: TestAgent, changes: Partial<Webhook> = {}) =>
    seedWebhook(database, receiver.url, { agentId: who.agent._id, ...changes }, secretsOf(stack));
  const pathOf = (webhook: Webhook, rest = '') => `/v1/webhooks/${webhook._id}/deliveries${rest}`;

  /** All pages, each as long as asked for but the last. */
  async function pages(who: TestAgent, webhook: Webhook, query: Record<string, string>): Promise<Parsed[][]> {
    const found: Parsed[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const asked = new URLSearchParams({ ...query, ...(cursor === '' ? {} : { cursor }) });
      const { status, body } = await as(who, 'GET', `${pathOf(webhook)}?${asked}`);
      expect(status).toBe(200);
      found.push(body.deliveries);
      cursor = body.next_cursor;
    }
    return found;
  }

  /** Rows of every state and event, three at each of these times. */
  async function seedAll(webhook: Webhook, times: Date[]): Promise<Delivery[]> {
    const rows: Delivery[] = [];
    for (const [index, createdAt] of times.entries()) {
      for (let place = 0; place < 3; place += 1) {
        const status = STATUSES[(index + place) % STATUSES.length] ?? 'delivered';
        const event = WEBHOOK_EVENTS[(index * 3 + place) % WEBHOOK_EVENTS.length] ?? 'message.new';
        const isOver = ['delivered', 'dead', 'cancelled'].includes(status);
        const expiresAt = isOver ? new Date(Date.now() + 86_400_000) : null;
        const later = { leaseUntil: new Date(Date.now() + 3_600_000), nextAttemptAt: new Date(Date.now() + 3_600_000) };
        rows.push(...(await seedDeliveries(database, webhook, 1, { status, event, createdAt, expiresAt, ...later })));
      }
    }
    return rows.sort((one, other) => newestFirst(one, other));
  }
  const newestFirst = (one: Delivery, other: Delivery): number =>
    other.createdAt.getTime() - one.createdAt.getTime() || (one.order > other.order ? -1 : 1);

  test('webhooks#29: pages hold each delivery once, the newest first, with every filter', async () => {
    const ada = await createTestAgent(database);
    const webhook = await hookOf(ada, { held: 'paused' });
    const base = Date.now() - 3_600_000;
    const times = [0, 0, 1, 2, 5, 9].map((ms) => new Date(base + ms));
    const rows = await seedAll(webhook, times);
    const all = await pages(ada, webhook, { limit: '6' });
    expect(all.map((page) => page.length)).toEqual([6, 6, 6]);
    expect(all.flat().map(({ id }) => id)).toEqual(rows.map(({ _id }) => _id));
    const [since, until] = [new Date(base + 1), new Date(base + 9)];
    const filters: Filter[] = [
      ...STATUSES.map((status): Filter => [{ status }, (row) => row.status === status]),
      ...WEBHOOK_EVENTS.map((event): Filter => [{ event }, (row) => row.event === event]),
      [{ since: since.toISOString() }, ({ createdAt }) => createdAt >= since],
      [{ until: until.toISOString() }, ({ createdAt }) => createdAt < until],
      [
        { status: 'dead', event: 'message.read', since: since.toISOString(), until: until.toISOString() },
        (row) =>
          row.status === 'dead' && row.event === 'message.read' && row.createdAt >= since && row.createdAt < until,
      ],
    ];
    for (const [query, isWanted] of filters) {
      const found = (await pages(ada, webhook, { ...query, limit: '1' })).flat().map(({ id }) => id);
      expect([query, found]).toEqual([query, rows.filter(isWanted).map(({ _id }) => _id)]);
    }
  });

  test('webhooks#29: a foreign webhook is 404 like an unknown one, byte for byte; so is a foreign delivery', async () => {
    const [ada, bob] = [await createTestAgent(database), await createTestAgent(database)];
    const [webhook, other] = [await hookOf(ada, { held: 'paused' }), await hookOf(bob, { held: 'paused' })];
    const [delivery] = await seedDeliveries(database, webhook);
    const unknown = { ...webhook, _id: 'whk_0000000000000000' };
    for (const rest of ['', '/whd_none', `/${delivery?._id}`]) {
      const [foreign, none] = [
        await as(bob, 'GET', pathOf(webhook, rest)),
        await as(bob, 'GET', pathOf(unknown, rest)),
      ];
      expect([foreign.status, foreign.text]).toEqual([404, none.text]);
      expect(foreign.body).toEqual({ code: 'NOT_FOUND', message: 'Webhook not found' });
    }
    const missing = await as(bob, 'GET', pathOf(other, '/whd_none'));
    expect(missing.body).toEqual({ code: 'NOT_FOUND', message: 'Delivery not found' });
    expect((await as(bob, 'GET', pathOf(other, `/${delivery?._id}`))).text).toBe(missing.text);
  });

  test('webhooks.md §11.1: a filter that makes no sense is 400, and what ended 30 days ago is gone', async () => {
    const ada = await createTestAgent(database);
    const webhook = await hookOf(ada, { held: 'paused' });
    for (const query of ['status=done', 'event=message.deleted', 'since=yesterday', 'until=1', 'cursor=x']) {
      expect([query, (await as(ada, 'GET', `${pathOf(webhook)}?${query}`)).body.code]).toEqual([
        query,
        'VALIDATION_ERROR',
      ]);
    }
    const past = { status: 'delivered', expiresAt: new Date(Date.now() - 1) } as const;
    const [old] = await seedDeliveries(database, webhook, 1, past);
    expect((await as(ada, 'GET', pathOf(webhook))).body).toEqual({ deliveries: [], next_cursor: null });
    expect((await as(ada, 'GET', pathOf(webhook, `/${old?._id}`))).status).toBe(404);
  });

  test('webhooks.md §11.1: what waits says what for', async () => {
    const ada = await createTestAgent(database);
    const soon = new Date(Date.now() + 60_000);
    const open = { ...CLOSED_BREAKER, state: 'open' as const, openUntil: soon };
    const heldAt = async (changes: Partial<Webhook>, of: Partial<Delivery> = {}) => {
      const webhook = await hookOf(ada, changes);
      await seedDeliveries(database, webhook, 1, of);
      return (await as(ada, 'GET', pathOf(webhook))).body.deliveries[0].held;
    };
    expect(await heldAt({ held: 'paused' })).toBe('paused');
    expect(await heldAt({ breaker: open })).toBe('circuit_open');
    const later = { status: 'failed', attempts: 1, nextAttemptAt: new Date(soon.getTime() + 60_000) } as const;
    expect(await heldAt({ breaker: open }, later)).toBeNull();
    expect(await heldAt({ held: 'paused' }, { status: 'delivered' })).toBeNull();
  });

  test('webhooks#30: the detail shows 500 with 10 KiB, a refused connection and 200, as they happened', async () => {
    const ada = await createTestAgent(database);
    const webhook = await hookOf(ada);
    receiver.answer((response, { headers }) => {
      // A receiver that sends back what it got, as debugging ones do.
      const echoed = `${headers['agentchat-signature']} ${SECRET} ${'é'.repeat(5_000)}`;
      response.writeHead(500, { 'content-type': 'text/plain', 'x-trace': 'abc' }).end(echoed);
    });
    const [delivery] = await seedDeliveries(database, webhook);
    const failed = (attempts: number) =>
      waitFor(async () => {
        const row = await database.deliveries.findOne({ _id: delivery?._id ?? '' });
        return row?.status === 'failed' && row.attempts === attempts ? row : null;
      });
    await failed(1);
    const next = async (to: string) => {
      await database.webhooks.updateOne({ _id: webhook._id }, { $set: { url: to } });
      await database.deliveries.updateOne({ _id: delivery?._id ?? '' }, { $set: { nextAttemptAt: new Date() } });
      await requestRetry(database, webhook._id, new Date());
    };
    const closed = await startReceiver();
    await closed.close();
    await next(closed.url);
    await failed(2);
    receiver.answer(200);
    await next(receiver.url);
    await receiver.received(2);
    const detail = await waitFor(async () => {
      const { body } = await as(ada, 'GET', pathOf(webhook, `/${delivery?._id}`));
      return body.status === 'delivered' ? body : null;
    });
    const attempt = (number: number, more: object) => ({
      attempt: number,
      at: expect.stringMatching(ISO),
      duration_ms: expect.any(Number),
      response_body: '',
      remote_ip: '127.0.0.1',
      ...more,
    });
    expect(detail).toMatchObject({ id: delivery?._id, attempts: 3, max_attempts: 9, replay_of: null, held: null });
    expect(detail.attempts_log).toEqual([
      attempt(1, {
        status: 500,
        error: 'HTTP 500 Internal Server Error',
        response_headers: expect.objectContaining({ 'content-type': 'text/plain', 'x-trace': 'abc' }),
        response_body: expect.stringMatching(/^t=\d+,v1=\[redacted\] \[redacted\] é+$/),
      }),
      attempt(2, { status: null, error: 'connection_refused', response_headers: {} }),
      attempt(3, { status: 200, error: null, response_headers: expect.any(Object) }),
    ]);
    expect(Buffer.byteLength(detail.attempts_log[0].response_body)).toBeLessThanOrEqual(4_096);
    const [last] = receiver.requests.slice(-1);
    expect(detail.request.body).toBe(last?.body.toString('utf8'));
    expect(detail.request.headers).toMatchObject({
      'x-agentchat-attempt': '3',
      'agentchat-signature': expect.stringMatching(/^t=\d+,v1=\[redacted\]$/),
      'webhook-signature': 'v1,[redacted]',
    });
    for (const hidden of [SECRET, String(last?.headers['webhook-signature']).slice(3)])
      expect(JSON.stringify(detail)).not.toContain(hidden);
  });
});
