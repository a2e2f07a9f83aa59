import { deleteWebhook } from '../../store/webhooks/set-webhook';
import { disableWebhook } from '../../store/webhooks/attempts/interventions';
import { updateWebhook, type WebhookChanges } from '../../store/webhooks/update-webhook';
import { inboxInId } from '../../domain/guards';
import { COOL_DOWN_MS } from '../../domain/webhook-breaker';
import { createTestAgent } from '../support/agents';
import { startReceiver, useReceiver } from '../support/receiver';
import { useEach } from '../support/use';
import { waitFor } from '../support/wait';
import { seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';
import type { Webhook } from '../../store/schema/collections/webhooks';
import type { Delivery } from '../../store/schema/collections/deliveries';

describe('endpoints that are switched, moved and paced', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );
  let webhook: Webhook;
  beforeEach(async () => {
    const { agent } = await createTestAgent(rig.database);
    webhook = await seedWebhook(rig.database, receiver.url, { agentId: agent._id });
    await rig.database.guards.updateOne(
      { _id: inboxInId(agent._id) },
      { $inc: { webhooks: 1, webhookVersion: 1, v: 1 } },
    );
  });

  const change = (changes: WebhookChanges) =>
    updateWebhook(rig.database, { agentId: webhook.agentId, id: webhook._id, changes, at: new Date() });
  const rowOf = (row: Delivery | undefined) => rig.database.deliveries.findOne({ _id: row?._id ?? '' });
  const untilStatus = (row: Delivery | undefined, status: Delivery['status']) =>
    waitFor(async () => ((await rowOf(row))?.status === status ? rowOf(row) : null), {
      describe: `one that is ${status}`,
    });
  const failed = { status: 'failed' as const, attempts: 1, nextAttemptAt: new Date(0) };

  test('webhooks#36: switched off, what waits is kept and nothing starts; switched on, all of it goes on', async () => {
    await change({ active: false });
    const [pending] = await seedDeliveries(rig.database, webhook);
    const [repeated] = await seedDeliveries(rig.database, webhook, 1, failed);
    rig.startWorker().wake(webhook._id);
    expect(await rig.attemptDue(webhook._id, new Date())).toMatchObject({
      stage: 'disabled',
      nextAt: null,
      attempted: 0,
    });
    // Another endpoint of the same worker gets its delivery meanwhile.
    const other = await startReceiver();
    const otherWebhook = await seedWebhook(rig.database, other.url);
    await seedDeliveries(rig.database, otherWebhook);
    rig.startWorker().wake(otherWebhook._id);
    await other.received(1);
    await other.close();
    expect(receiver.requests).toEqual([]);
    expect(await rowOf(pending)).toMatchObject({ status: 'pending', attempts: 0 });
    expect(await rowOf(repeated)).toMatchObject({ status: 'failed', attempts: 1 });
    await change({ active: true });
    expect(await rig.database.outbox.findOne({ _id: `webhook.trouble:${webhook._id}` })).toMatchObject({
      dueAt: failed.nextAttemptAt,
    });
    await rig.attemptDue(webhook._id, new Date());
    await untilStatus(pending, 'delivered');
    expect(await untilStatus(repeated, 'delivered')).toMatchObject({ attempts: 2 });
  });

  test('webhooks#36: an attempt on the wire that fails while it is switched off is repeated afterwards', async () => {
    const [delivery] = await seedDeliveries(rig.database, webhook);
    let answer: () => void = () => undefined;
    receiver.answer((response) => {
      answer = () => response.writeHead(500).end();
    });
    rig.startWorker().wake(webhook._id);
    await receiver.received(1);
    await change({ active: false });
    answer();
    expect(await untilStatus(delivery, 'failed')).toMatchObject({ attempts: 1, nextAttemptAt: expect.any(Date) });
    receiver.answer(200);
    await change({ active: true });
    await rig.attemptDue(webhook._id, new Date(Date.now() + 60_000));
    expect(await untilStatus(delivery, 'delivered')).toMatchObject({ attempts: 2 });
  });

  test('webhooks.md §11.4: switched on again its circuit is closed', async () => {
    const openUntil = new Date(Date.now() + COOL_DOWN_MS);
    const breaker = { ...webhook.breaker, state: 'open' as const, consecutive: 5, openUntil };
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { breaker } });
    const [delivery] = await seedDeliveries(rig.database, webhook);
    await change({ active: false });
    expect((await rig.database.webhooks.findOne({ _id: webhook._id }))?.breaker.state).toBe('open');
    await change({ active: true });
    rig.startWorker().wake(webhook._id);
    await untilStatus(delivery, 'delivered');
  });

  test('an operator who disables a webhook that its agent switched off has what waits cancelled', async () => {
    await change({ active: false });
    const [delivery] = await seedDeliveries(rig.database, webhook, 1, failed);
    await disableWebhook(rig.database, webhook._id);
    await rig.attemptDue(webhook._id, new Date());
    expect(await rowOf(delivery)).toMatchObject({ status: 'cancelled' });
  });

  test('webhooks#35: a new URL is in force for the next attempt, also of what failed before', async () => {
    const moved = await startReceiver('/moved');
    const [delivery] = await seedDeliveries(rig.database, webhook, 1, failed);
    await change({ url: moved.url });
    await rig.attemptDue(webhook._id, new Date());
    await untilStatus(delivery, 'delivered');
    expect([receiver.requests.length, moved.requests.length]).toEqual([0, 1]);
    await moved.close();
  });

  test('a change of a webhook that was removed meanwhile finds none, and leaves nothing behind', async () => {
    await deleteWebhook(rig.database, { agentId: webhook.agentId, id: webhook._id, at: new Date() });
    expect(await change({ active: false })).toBeNull();
    expect(await change({ url: 'https://8.8.4.4/' })).toBeNull();
    expect(await rig.database.webhooks.findOne({ _id: webhook._id })).toBeNull();
  });

  /** Attempts that started within a second of each other, at most; their times are noted some milliseconds before. */
  async function mostInASecond(): Promise<number> {
    const rows = await rig.database.deliveries.find({ webhookId: webhook._id }).toArray();
    const times = rows.map(({ lastAttemptAt }) => lastAttemptAt?.getTime() ?? 0);
    return Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 900).length));
  }

  test('webhooks#41: a rate limit of two makes what is more wait without using attempts', async () => {
    await change({ rateLimit: 2 });
    const rows = await seedDeliveries(rig.database, webhook, 7);
    const startedMs = Date.now();
    // Two workers share the endpoint and its limit.
    rig.startWorker().wake(webhook._id);
    rig.startWorker().wake(webhook._id);
    await receiver.received(7);
    const seconds = (Date.now() - startedMs) / 1_000;
    expect(seconds).toBeGreaterThan(2.5);
    expect(seconds).toBeLessThan(8);
    expect(await mostInASecond()).toBe(2);
    for (const row of rows) expect(await untilStatus(row, 'delivered')).toMatchObject({ attempts: 1 });
    const { starts } = (await rig.database.webhooks.findOne({ _id: webhook._id })) ?? {};
    expect(starts?.length).toBeLessThanOrEqual(2);
    await change({ rateLimit: null });
    expect(await rig.database.webhooks.findOne({ _id: webhook._id })).not.toHaveProperty('starts');
  });

  test('webhooks#41: retries are paced by the same limit', async () => {
    await change({ rateLimit: 2 });
    await seedDeliveries(rig.database, webhook, 5, failed);
    const startedMs = Date.now();
    expect(await rig.attemptDue(webhook._id, new Date())).toMatchObject({ attempted: 5, delivered: 5 });
    expect(Date.now() - startedMs).toBeGreaterThan(1_900);
    expect(await mostInASecond()).toBe(2);
  });
});
