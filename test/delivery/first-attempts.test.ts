import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { recordLost } from '../../store/webhooks/attempts/lost';
import { leaseFirst } from '../../store/webhooks/attempts/leases';
import { recordAttempts } from '../../store/webhooks/attempts/record-attempts';
import type { Delivery } from '../../store/schema/collections/deliveries';
import { startReceiver, useReceiver } from '../support/receiver';
import { waitFor } from '../support/wait';
import { SECRET, sealSecret, seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';
import { useEach } from '../support/use';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

describe('first attempts of webhook deliveries', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );

  const rowOf = (delivery: Delivery | undefined) => rig.database.deliveries.findOne({ _id: delivery?._id ?? '' });
  const untilStatus = (delivery: Delivery | undefined, status: Delivery['status']) =>
    waitFor(
      async () => {
        const row = await rowOf(delivery);
        return row?.status === status ? row : null;
      },
      { describe: `a delivery that is ${status}` },
    );
  const troubleOf = (webhookId: string) => rig.database.outbox.findOne({ _id: `webhook.trouble:${webhookId}` });

  test.each([200, 204, 299])('webhooks#8: %s is success: one request, then nothing', async (status) => {
    receiver.answer(status);
    const webhook = await seedWebhook(rig.database, receiver.url);
    const [delivery] = await seedDeliveries(rig.database, webhook);
    rig.startWorker().wake(webhook._id);
    expect(await untilStatus(delivery, 'delivered')).toMatchObject({
      attempts: 1,
      lastStatus: status,
      lastError: null,
    });
    expect(receiver.requests).toHaveLength(1);
    expect(await troubleOf(webhook._id)).toBeNull();
    expect(await rig.database.webhooks.findOne({ _id: webhook._id })).toMatchObject({ slots: [] });
  });

  test.each([301, 302, 400, 404, 429, 500])(
    'webhooks#8: %s fails: the next attempt is due in ten seconds, and the flow is to hear of it',
    async (status) => {
      receiver.answer(status);
      const webhook = await seedWebhook(rig.database, receiver.url);
      const [delivery] = await seedDeliveries(rig.database, webhook);
      rig.startWorker().wake(webhook._id);
      const row = await untilStatus(delivery, 'failed');
      expect(row).toMatchObject({ attempts: 1, lastStatus: status });
      const waitMs = (row.nextAttemptAt?.getTime() ?? 0) - (row.lastAttemptAt?.getTime() ?? 0);
      expect(waitMs).toBeGreaterThanOrEqual(10_000);
      expect(await troubleOf(webhook._id)).toMatchObject({ dueAt: row.nextAttemptAt, notes: 1 });
    },
  );

  test('webhooks#5: the published verifier accepts what arrives, under both header names', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    const [delivery] = await seedDeliveries(rig.database, webhook);
    rig.startWorker().wake(webhook._id);
    const [request] = await receiver.received(1);
    for (const name of ['agentchat-signature', 'x-agentchat-signature']) {
      const signature = String(request?.headers[name]);
      const payload = await verifyWebhook({ payload: request?.body ?? '', signature, secret: SECRET });
      expect(payload).toMatchObject({ event: 'message.new', id: delivery?.eventId });
    }
  });

  test('webhooks#7: the signature matches the received bytes, whatever is in them', async () => {
    const odd =
      '{"event":"message.new","timestamp":"x","data":{"t":"żółw 🐢 \\ud800","n":123456789012345678901234567890,"e":1e400},"id":"evt_1"}';
    const webhook = await seedWebhook(rig.database, receiver.url);
    await seedDeliveries(rig.database, webhook, 1, { body: odd });
    rig.startWorker().wake(webhook._id);
    const [request] = await receiver.received(1);
    expect(request?.body.toString('utf8')).toBe(odd);
    const signature = String(request?.headers['agentchat-signature']);
    await expect(verifyWebhook({ payload: request?.body ?? '', signature, secret: SECRET })).resolves.toBeTruthy();
  });

  test('webhooks#9: no answer in time is a failure; the later duplicate carries the same delivery id', async () => {
    receiver.answer(() => undefined);
    const webhook = await seedWebhook(rig.database, receiver.url);
    const [delivery] = await seedDeliveries(rig.database, webhook);
    rig.startWorker(1_000).wake(webhook._id);
    const row = await untilStatus(delivery, 'failed');
    expect(row).toMatchObject({ lastStatus: null, lastError: 'timeout' });
    receiver.answer(200);
    await rig.attemptDue(webhook._id, row.nextAttemptAt ?? new Date());
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-delivery'])).toEqual([
      delivery?._id,
      delivery?._id,
    ]);
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-attempt'])).toEqual(['1', '2']);
    expect(receiver.requests[0]?.body).toEqual(receiver.requests[1]?.body);
  });

  test("webhooks#13: 410 ends the webhook and what waits at it; the agent's others go on", async () => {
    const gone = await startReceiver();
    gone.answer(410);
    const webhook = await seedWebhook(rig.database, gone.url);
    const other = await seedWebhook(rig.database, receiver.url, { agentId: webhook.agentId });
    const [first] = await seedDeliveries(rig.database, webhook);
    const [late] = await seedDeliveries(rig.database, webhook, 1, { status: 'failed', attempts: 1 });
    const [others] = await seedDeliveries(rig.database, other);
    const worker = rig.startWorker();
    worker.wake(webhook._id);
    worker.wake(other._id);
    expect(await untilStatus(first, 'cancelled')).toMatchObject({ lastError: 'HTTP 410 Gone', attempts: 1 });
    expect(await rig.database.webhooks.findOne({ _id: webhook._id })).toMatchObject({
      active: false,
      disabledReason: 'gone',
      breaker: { consecutive: 0 },
    });
    expect(await troubleOf(webhook._id)).not.toBeNull();
    expect(await rig.attemptDue(webhook._id, new Date())).toMatchObject({ stage: 'disabled', nextAt: null, failed: 0 });
    await untilStatus(late, 'cancelled');
    await untilStatus(others, 'delivered');
    expect(gone.requests).toHaveLength(1);
    await gone.close();
  });

  test('webhooks#15, webhooks#G7: an endpoint that hangs has ten attempts on the wire, and delays nobody', async () => {
    const held: (() => void)[] = [];
    const hanging = await startReceiver();
    hanging.answer((response) => held.push(() => response.writeHead(200).end()));
    const slow = await seedWebhook(rig.database, hanging.url);
    const fast = await seedWebhook(rig.database, receiver.url);
    await seedDeliveries(rig.database, slow, 25);
    const worker = rig.startWorker();
    worker.wake(slow._id);
    await hanging.received(10);
    const quick = await seedDeliveries(rig.database, fast, 25);
    worker.wake(fast._id);
    await Promise.all(quick.map((delivery) => untilStatus(delivery, 'delivered')));
    expect(receiver.requests).toHaveLength(25);
    expect(receiver.atOnceMax).toBeLessThanOrEqual(10);
    expect(hanging.atOnceMax).toBeLessThanOrEqual(10);
    for (const release of held) release();
    await hanging.close();
  });

  test('webhooks#16: of a webhook that is deleted, held or inactive nothing starts', async () => {
    const deleted = await seedWebhook(rig.database, receiver.url);
    const held = await seedWebhook(rig.database, receiver.url, { held: 'paused' });
    const inactive = await seedWebhook(rig.database, receiver.url, { active: false, disabledReason: 'manual' });
    const inAnHour = { status: 'failed' as const, attempts: 3, nextAttemptAt: new Date(Date.now() + 3_600_000) };
    for (const webhook of [deleted, held, inactive]) {
      await seedDeliveries(rig.database, webhook);
      await seedDeliveries(rig.database, webhook, 1, inAnHour);
    }
    await rig.database.webhooks.deleteOne({ _id: deleted._id });
    const later = new Date(Date.now() + 7_200_000);
    for (const { _id } of [deleted, held, inactive]) {
      expect(
        (await leaseFirst(rig.database, { webhookId: _id, count: 5, newToken: () => 'x', now: later })).leases,
      ).toEqual([]);
      expect(await rig.attemptDue(_id, later)).toMatchObject({ attempted: 0 });
    }
    expect(receiver.requests).toEqual([]);
    const waiting = await rig.database.deliveries.find({ webhookId: held._id }).toArray();
    expect(waiting.map(({ attempts }) => attempts).sort()).toEqual([0, 3]);
  });

  test('webhooks#19: two workers with the same deliveries make each attempt once', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    const rows = await seedDeliveries(rig.database, webhook, 40);
    const workers = [rig.startWorker(), rig.startWorker()];
    for (const worker of workers) worker.wake(webhook._id);
    await Promise.all(rows.map((row) => untilStatus(row, 'delivered')));
    expect(receiver.requests).toHaveLength(40);
    expect(new Set(receiver.requests.map(({ headers }) => headers['x-agentchat-delivery'])).size).toBe(40);
    expect(receiver.atOnceMax).toBeLessThanOrEqual(10);
    expect(await rig.database.webhooks.findOne({ _id: webhook._id })).toMatchObject({ slots: [] });
  });

  test('webhooks#18: an attempt whose worker died counts, and its repetition is due at once', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    const [delivery] = await seedDeliveries(rig.database, webhook);
    const leased = await leaseFirst(rig.database, {
      webhookId: webhook._id,
      count: 1,
      newToken: () => 'dead',
      now: new Date(),
    });
    expect(leased.leases).toHaveLength(1);
    expect(await recordLost(rig.database, new Date(), 10)).toBe(0);
    const later = new Date(Date.now() + 60_000);
    expect(await recordLost(rig.database, later, 10)).toBe(1);
    expect(await rowOf(delivery)).toMatchObject({
      status: 'failed',
      attempts: 1,
      lastError: 'worker_lost',
      nextAttemptAt: later,
    });
    expect(await troubleOf(webhook._id)).toMatchObject({ dueAt: later });
    expect(await rig.attemptDue(webhook._id, later)).toMatchObject({
      attempted: 1,
      delivered: 1,
      stage: 'healthy',
      nextAt: null,
    });
    expect(receiver.requests[0]?.headers).toMatchObject({
      'x-agentchat-attempt': '2',
      'x-agentchat-delivery': delivery?._id,
    });
  });

  test('webhooks#G5: a retry goes to the URL and is signed with the secret of its own moment', async () => {
    receiver.answer(500);
    const webhook = await seedWebhook(rig.database, receiver.url);
    const [delivery] = await seedDeliveries(rig.database, webhook);
    rig.startWorker().wake(webhook._id);
    const row = await untilStatus(delivery, 'failed');
    const moved = await startReceiver('/moved');
    const secret = 'ef'.repeat(32);
    const sealed = sealSecret(webhook._id, secret);
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { url: moved.url, secret: sealed } });
    await rig.attemptDue(webhook._id, row.nextAttemptAt ?? new Date());
    const [request] = await moved.received(1);
    const signature = String(request?.headers['agentchat-signature']);
    const now = (): number => row.nextAttemptAt?.getTime() ?? 0;
    await expect(verifyWebhook({ payload: request?.body ?? '', signature, secret, now })).resolves.toBeTruthy();
    expect(receiver.requests).toHaveLength(1);
    await moved.close();
  });

  test('webhooks#G9: a delivery that ended changes no more, whoever comes late with a result', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    const failure = { kind: 'fault' as const, error: 'timeout' };
    const nothing = { status: null, headers: [], body: '', remoteIp: null };
    const record = { attempt: 1, at: new Date(), durationMs: 1, error: 'timeout', ...nothing };
    for (const status of ['delivered', 'dead', 'cancelled'] as const) {
      const [delivery] = await seedDeliveries(rig.database, webhook, 1, { status, attempts: 1, nextAttemptAt: null });
      const late = {
        event: 'message.new' as const,
        attempt: 1,
        token: null,
        at: new Date(),
        outcome: failure,
        record,
        random: 0,
      };
      await recordAttempts(rig.database, webhook._id, [{ ...late, deliveryId: delivery?._id ?? '' }]);
      expect(await rowOf(delivery)).toEqual(delivery);
    }
    const [lost] = await seedDeliveries(rig.database, webhook, 1, { status: 'delivering', attempts: 2 });
    const stale = {
      event: 'message.new' as const,
      attempt: 1,
      token: null,
      at: new Date(),
      outcome: failure,
      record,
      random: 0,
    };
    await recordAttempts(rig.database, webhook._id, [{ ...stale, deliveryId: lost?._id ?? '' }]);
    expect(await rowOf(lost)).toEqual(lost);
  });

  test('a worker finds what nobody woke it for', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    rig.startWorker();
    const [delivery] = await seedDeliveries(rig.database, webhook);
    await untilStatus(delivery, 'delivered');
  });
});
