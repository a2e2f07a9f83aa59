import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { createWebhookActivities } from '../../activities/webhook';
import { EndpointPump } from '../../delivery/endpoint-pump';
import { leaseFirst } from '../../store/webhooks/attempts/leases';
import type { Delivery } from '../../store/schema/collections/deliveries';
import type { Webhook } from '../../store/schema/collections/webhooks';
import {
  attemptFailedSignal,
  disableSignal,
  healthQuery,
  retryNowSignal,
  skipSignal,
  webhookFlowId,
  type WebhookFlowView,
} from '../../workflows/messages/webhook';
import type { webhook as webhookFlow } from '../../workflows/webhook';
import { type Received, useReceiver } from '../support/receiver';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import { SECRET, seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

const TABLE_SECONDS = [10, 30, 60, 300, 900, 3_600, 21_600, 86_400];

describe('the flow of a webhook in trouble, over a day and more', () => {
  let webhook: Webhook;

  const rig = useWebhookRig();
  const receiver = useReceiver();
  const time = useSkippedTime();
  beforeEach(async () => {
    webhook = await seedWebhook(rig.database, receiver.url);
  });

  /** First attempts as a worker makes them, at the flow's time. */
  async function attemptFirst(): Promise<void> {
    const nowMs = await time.nowMs();
    const pump = new EndpointPump(rig.deps, {
      webhookId: webhook._id,
      lease: (input) => leaseFirst(rig.database, input),
      room: (inFlight) => 10 - inFlight,
      now: () => new Date(nowMs),
    });
    await pump.run();
  }
  const start = () =>
    time.start<typeof webhookFlow>('webhook', webhookFlowId(webhook._id), [
      { webhookId: webhook._id, handle: 'some-agent', hasSearchAttributes: false },
    ]);
  const wake = (webhookId: string): void => {
    const pump = new EndpointPump(rig.deps, {
      webhookId,
      lease: (input) => leaseFirst(rig.database, input),
      room: (inFlight) => 10 - inFlight,
      now: () => new Date(),
    });
    void pump.run();
  };
  const withFlow = <T>(body: (flow: Awaited<ReturnType<typeof start>>) => Promise<T>): Promise<T> =>
    time.withWorker(createWebhookActivities({ attempts: rig.deps, wake }), async () => body(await start()));
  const runFlow = () => withFlow((flow) => flow.result());
  const untilView = (flow: Awaited<ReturnType<typeof start>>, isIt: (view: WebhookFlowView) => boolean) =>
    waitFor(async () => {
      const view = await flow.query(healthQuery);
      return view !== null && isIt(view) ? view : null;
    });
  const rowOf = (row: Delivery | undefined) => rig.database.deliveries.findOne({ _id: row?._id ?? '' });
  /** When an attempt was made, by the time that it was signed with. */
  const signedAt = ({ headers }: Received): number =>
    Number(/^t=(\d+),/.exec(String(headers['agentchat-signature']))?.[1]);
  /** Seconds between attempts. */
  const waits = (): number[] =>
    receiver.requests.slice(1).map((one, index) => signedAt(one) - signedAt(receiver.requests[index] ?? one));
  function expectWaits(seconds: number[]): void {
    expect(waits()).toHaveLength(seconds.length);
    waits().forEach((wait, index) => {
      const least = seconds[index] ?? 0;
      // Signatures count whole seconds; what the machine takes comes on top of the jitter.
      expect(wait).toBeGreaterThanOrEqual(least - 1);
      expect(wait).toBeLessThanOrEqual(least * 1.1 + 60);
    });
  }

  test.each([1, 4])(
    'webhooks#10: %s failures, then success: that many requests and one, with the delays of the table',
    async (failures) => {
      receiver.answer((response, _, count) => response.writeHead(count <= failures ? 500 : 200).end());
      const [row] = await seedDeliveries(rig.database, webhook);
      await attemptFirst();
      expect(await runFlow()).toMatchObject({
        stage: 'healthy',
        attempted: failures,
        delivered: 1,
        dead: 0,
        nextAt: null,
      });
      expectWaits(TABLE_SECONDS.slice(0, failures));
      expect(await rowOf(row)).toMatchObject({ status: 'delivered', attempts: failures + 1 });
    },
  );

  test('webhooks#11, webhooks#6: after nine failures, 31 hours later, a delivery is a dead letter', async () => {
    receiver.answer(503);
    const [row] = await seedDeliveries(rig.database, webhook);
    await attemptFirst();
    expect(await runFlow()).toMatchObject({ stage: 'healthy', attempted: 8, delivered: 0, dead: 1 });
    expect(receiver.requests).toHaveLength(9);
    expectWaits(TABLE_SECONDS);
    expect(await rowOf(row)).toMatchObject({
      status: 'dead',
      attempts: 9,
      nextAttemptAt: null,
      lastError: 'HTTP 503 Service Unavailable',
      deadAt: expect.any(Date),
    });
    const [first, last] = [receiver.requests[0], receiver.requests[8]];
    expect(last?.body).toEqual(first?.body);
    expect(last?.headers['x-agentchat-delivery']).toBe(first?.headers['x-agentchat-delivery']);
    const nowMs = (await rowOf(row))?.lastAttemptAt?.getTime() ?? 0;
    const signature = String(last?.headers['agentchat-signature']);
    const options = { payload: last?.body ?? '', secret: SECRET, now: () => nowMs };
    await expect(verifyWebhook({ ...options, signature })).resolves.toMatchObject({ id: row?.eventId });
    const stale = String(first?.headers['agentchat-signature']);
    await expect(verifyWebhook({ ...options, signature: stale })).rejects.toMatchObject({ reason: 'timestamp_skew' });
    expect(await rig.database.webhooks.findOne({ _id: webhook._id })).toMatchObject({ breaker: { state: 'closed' } });
  });

  test.each([
    ['120', 120],
    ['1', 10],
    ['999999999', 86_400],
    ['soon', 10],
  ])('webhooks#12: Retry-After: %s after failure 1: the next attempt comes after %s s', async (header, seconds) => {
    receiver.answer((response, _, count) =>
      count === 1 ? response.writeHead(503, { 'retry-after': header }).end() : response.writeHead(200).end(),
    );
    await seedDeliveries(rig.database, webhook);
    await attemptFirst();
    await runFlow();
    expectWaits([seconds]);
  });

  test('webhooks#14: five deliveries fail in a row: no request for five minutes, then exactly one', async () => {
    receiver.answer((response, _, count) => response.writeHead(count <= 6 ? 500 : 200).end());
    const rows = await seedDeliveries(rig.database, webhook, 5);
    await attemptFirst();
    expect(receiver.requests).toHaveLength(5);
    expect(await runFlow()).toMatchObject({ stage: 'healthy', delivered: 5, breaker: 'closed' });
    const times = receiver.requests.map(signedAt);
    const sinceFirst = times.map((at) => at - (times[0] ?? 0));
    // The probe that failed, and after another cool-down the one that closed the circuit; then the others.
    expect(sinceFirst[5]).toBeGreaterThanOrEqual(299);
    expect((sinceFirst[6] ?? 0) - (sinceFirst[5] ?? 0)).toBeGreaterThanOrEqual(299);
    expect(receiver.requests).toHaveLength(11);
    // Waiting used no attempts: the oldest was probed, and all others got their second.
    const attempts = await Promise.all(rows.map(async (row) => (await rowOf(row))?.attempts));
    expect(attempts.slice().sort()).toEqual([2, 2, 2, 2, 3]);
  });

  test('webhooks#22: a pause uses up no attempts, and its release makes the held ones due at once', async () => {
    receiver.answer(500);
    const [row] = await seedDeliveries(rig.database, webhook);
    await attemptFirst();
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { held: 'paused' } });
    await withFlow(async (flow) => {
      await untilView(flow, ({ stage }) => stage === 'paused');
      const later = new Date((await time.nowMs()) + 10_800_000);
      expect(await rig.attemptDue(webhook._id, later)).toMatchObject({ stage: 'paused', attempted: 0 });
      expect(receiver.requests).toHaveLength(1);
      expect(await rowOf(row)).toMatchObject({ attempts: 1, status: 'failed' });
      receiver.answer(200);
      await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { held: null } });
      await flow.signal(attemptFailedSignal, { dueAt: 0 });
      expect(await flow.result()).toMatchObject({ stage: 'healthy', delivered: 1 });
    });
    expect(await rowOf(row)).toMatchObject({ attempts: 2 });
  });

  describe('operators', () => {
    test('retry now: what waits for its delay or a cool-down is attempted at once', async () => {
      receiver.answer((response, _, count) => response.writeHead(count <= 5 ? 500 : 200).end());
      await seedDeliveries(rig.database, webhook, 5);
      await attemptFirst();
      await withFlow(async (flow) => {
        await untilView(flow, ({ stage }) => stage === 'circuit_open');
        const beforeMs = await time.nowMs();
        await flow.signal(retryNowSignal);
        await receiver.received(10);
        expect((await time.nowMs()) - beforeMs).toBeLessThan(300_000);
        expect(await flow.result()).toMatchObject({ stage: 'healthy', delivered: 5 });
      });
    });

    test('skip cancels one delivery, disable the webhook and what waits at it', async () => {
      receiver.answer(500);
      const [skipped, left] = await seedDeliveries(rig.database, webhook, 2);
      await attemptFirst();
      await withFlow(async (flow) => {
        await untilView(flow, ({ failed }) => failed === 2);
        await flow.signal(skipSignal, { deliveryId: skipped?._id ?? '' });
        await untilView(flow, ({ failed }) => failed === 1);
        expect(await rowOf(skipped)).toMatchObject({ status: 'cancelled', attempts: 1 });
        await flow.signal(disableSignal);
        expect(await flow.result()).toMatchObject({ stage: 'disabled', failed: 0 });
      });
      expect(await rowOf(left)).toMatchObject({ status: 'cancelled', attempts: 1 });
      expect(await rig.database.webhooks.findOne({ _id: webhook._id })).toMatchObject({
        active: false,
        disabledReason: 'manual',
      });
      expect(receiver.requests).toHaveLength(2);
    });

    test('a webhook that is deleted ends its flow', async () => {
      receiver.answer(500);
      await seedDeliveries(rig.database, webhook);
      await attemptFirst();
      await withFlow(async (flow) => {
        await untilView(flow, ({ stage }) => stage === 'retrying');
        await rig.database.webhooks.deleteOne({ _id: webhook._id });
        expect(await flow.result()).toMatchObject({ stage: 'deleted' });
      });
      expect(receiver.requests).toHaveLength(1);
    });
  });
});
