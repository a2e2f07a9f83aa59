import { randomUUID } from 'node:crypto';
import { COOL_DOWN_MS } from '../../domain/webhook-breaker';
import type { Delivery } from '../../store/schema/collections/deliveries';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { findBehind, readHeads } from '../../store/webhooks/attempts/in-order';
import { skipDelivery } from '../../store/webhooks/attempts/interventions';
import { leaseFirst } from '../../store/webhooks/attempts/leases';
import { recordLost } from '../../store/webhooks/attempts/lost';
import { updateWebhook } from '../../store/webhooks/update-webhook';
import { type Received, useReceiver } from '../support/receiver';
import { useEach } from '../support/use';
import { waitFor } from '../support/wait';
import { seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';

/** Receivers that ask for it write no code for messages that arrive before their predecessors: one that did is a fault. */
describe('the order of conversations (webhooks.md §11.7)', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );
  let webhook: Webhook;
  beforeEach(async () => {
    webhook = await seedWebhook(rig.database, receiver.url, { ordering: 'conversation' });
  });

  const seed = (conversationId: string, count = 1, changes: Partial<Delivery> = {}): Promise<Delivery[]> =>
    seedDeliveries(rig.database, webhook, count, { conversationId, ...changes });
  const seedOne = async (conversationId: string, changes: Partial<Delivery> = {}): Promise<Delivery> => {
    const [row] = await seed(conversationId, 1, changes);
    if (row === undefined) throw new Error('no row');
    return row;
  };
  const rowOf = async ({ _id }: Delivery): Promise<Delivery> => {
    const row = await rig.database.deliveries.findOne({ _id });
    if (row === null) throw new Error('no row');
    return row;
  };
  const untilStatus = (row: Delivery, status: Delivery['status']) =>
    waitFor(async () => {
      const now = await rowOf(row);
      return now.status === status ? now : null;
    });
  const idOf = ({ headers }: Received): string => String(headers['x-agentchat-delivery']);
  const requestedOf = (rows: Delivery[]): number[] =>
    receiver.requests
      .map((request) => rows.findIndex(({ _id }) => _id === idOf(request)))
      .filter((place) => place >= 0);
  const dueOf = ({ nextAttemptAt }: Delivery): Date => nextAttemptAt ?? new Date();
  const lease = (now = new Date()) =>
    leaseFirst(rig.database, { webhookId: webhook._id, count: 10, newToken: randomUUID, now });
  const failed = (nextAttemptAt: Date, attempts = 1): Partial<Delivery> => ({
    status: 'failed',
    attempts,
    nextAttemptAt,
    lastError: 'HTTP 503 Service Unavailable',
  });
  const inAnHour = (): Date => new Date(Date.now() + 3_600_000);

  test('webhooks#40: the first of five fails three times: four wait for it, another conversation does not', async () => {
    const five = await seed('conv_a', 5);
    const others = await seed('conv_b', 3);
    const [first, ...behind] = five;
    if (first === undefined) throw new Error('no row');
    let failures = 0;
    receiver.answer((response, request) => {
      const isRefused = idOf(request) === first._id && failures < 3;
      if (isRefused) failures += 1;
      response.writeHead(isRefused ? 503 : 200).end();
    });
    const worker = rig.startWorker();
    worker.wake(webhook._id);
    for (const other of others) await untilStatus(other, 'delivered');
    let head = await untilStatus(first, 'failed');
    for (const attempts of [2, 3]) {
      worker.wake(webhook._id);
      await rig.attemptDue(webhook._id, dueOf(head));
      head = await rowOf(first);
      expect(head).toMatchObject({ status: 'failed', attempts });
      const rows = await Promise.all(five.map(rowOf));
      expect(rows.slice(1).map(({ status, attempts: used }) => [status, used])).toEqual(
        behind.map(() => ['pending', 0]),
      );
      expect(await findBehind(rig.database, webhook, rows)).toEqual(new Set(behind.map(({ _id }) => _id)));
    }
    await rig.attemptDue(webhook._id, dueOf(head));
    worker.wake(webhook._id);
    for (const row of five) await untilStatus(row, 'delivered');
    expect(requestedOf(five)).toEqual([0, 0, 0, 0, 1, 2, 3, 4]);
    expect(requestedOf(others)).toEqual([0, 1, 2]);
  });

  test.each(['dead', 'cancelled'] as const)('webhooks#40: one that ends %s releases the next', async (end) => {
    const head = await seedOne('conv_a', failed(new Date(), 8));
    const [next, last] = await seed('conv_a', 2);
    if (next === undefined || last === undefined) throw new Error('no row');
    expect((await lease()).leases).toEqual([]);
    receiver.answer((response, request) => response.writeHead(idOf(request) === head._id ? 500 : 200).end());
    if (end === 'dead') await rig.attemptDue(webhook._id, new Date());
    else await skipDelivery(rig.database, { webhookId: webhook._id, deliveryId: head._id, now: new Date() });
    expect(await rowOf(head)).toMatchObject({ status: end });
    rig.startWorker().wake(webhook._id);
    await untilStatus(last, 'delivered');
    expect(requestedOf([next, last])).toEqual([0, 1]);
  });

  test('webhooks#40: of several workers none starts one while its predecessor is on the wire', async () => {
    const rows = [...(await seed('conv_a', 15)), ...(await seed('conv_b', 15)), ...(await seed('grp_c', 15))];
    const conversationOf = new Map(rows.map(({ _id, conversationId = '' }) => [_id, conversationId]));
    const onWire = new Map<string, number>();
    let atOnceMax = 0;
    const held: (() => void)[] = [];
    receiver.answer((response, request) => {
      const conversation = conversationOf.get(idOf(request)) ?? '';
      onWire.set(conversation, (onWire.get(conversation) ?? 0) + 1);
      atOnceMax = Math.max(atOnceMax, ...onWire.values());
      held.push(() => {
        onWire.set(conversation, (onWire.get(conversation) ?? 0) - 1);
        response.writeHead(200).end();
      });
    });
    const workers = [rig.startWorker(), rig.startWorker(), rig.startWorker()];
    for (let answered = 0; answered < rows.length; answered += 1) {
      for (const worker of workers) worker.wake(webhook._id);
      // The newest or the oldest, so that conversations overtake each other.
      const answer = await waitFor(() => (answered % 2 === 0 ? held.pop() : held.shift()));
      answer();
    }
    for (const row of rows) await untilStatus(row, 'delivered');
    expect(atOnceMax).toBe(1);
    expect(receiver.requests).toHaveLength(rows.length);
    for (const conversation of ['conv_a', 'conv_b', 'grp_c']) {
      const own = rows.filter(({ conversationId }) => conversationId === conversation);
      expect(requestedOf(own)).toEqual(own.map((_, place) => place));
    }
  });

  test('webhooks#40: the next waits also for one whose worker died, until its repetition is through', async () => {
    const [first, next] = await seed('conv_a', 2);
    if (first === undefined || next === undefined) throw new Error('no row');
    const leased = await lease();
    expect(leased.leases.map(({ delivery }) => delivery._id)).toEqual([first._id]);
    expect((await lease()).leases).toEqual([]);
    const later = new Date(Date.now() + 60_000);
    expect(await recordLost(rig.database, later, 10)).toBe(1);
    expect((await lease()).leases).toEqual([]);
    await rig.attemptDue(webhook._id, later);
    expect(await rowOf(first)).toMatchObject({ status: 'delivered', attempts: 2 });
    expect((await lease(later)).leases.map(({ delivery }) => delivery._id)).toEqual([next._id]);
  });

  test('webhooks#40: what is made later in the place of an earlier event goes first', async () => {
    await seedOne('conv_a', failed(inAnHour()));
    const late = await seedOne('conv_b');
    await seedOne('conv_b', { order: '000000000000:000000000000' });
    const heads = await readHeads(rig.database, webhook._id, 10);
    expect(heads.map(({ order }) => order)).toEqual(['000000000000:000000000000']);
    expect(await findBehind(rig.database, webhook, [await rowOf(late)])).toEqual(new Set([late._id]));
  });

  test('a conversation with hundreds that wait holds up neither another one nor what is of none', async () => {
    await seedOne('conv_a', failed(inAnHour()));
    await seed('conv_a', 450);
    const [other] = await seed('conv_b', 2);
    const [presence] = await seedDeliveries(rig.database, webhook, 1, { event: 'contact.blocked' });
    const heads = await readHeads(rig.database, webhook._id, 10);
    expect(heads.map(({ _id }) => _id)).toEqual([other?._id, presence?._id]);
  });

  test('a read that was written by an earlier version, without its conversation, waits for nobody', async () => {
    await seedOne('conv_a', failed(inAnHour()));
    const [old] = await seedDeliveries(rig.database, webhook, 1, { event: 'message.read' });
    const now = await seedOne('conv_a', { event: 'message.read' });
    expect((await lease()).leases.map(({ delivery }) => delivery._id)).toEqual([old?._id]);
    expect(await findBehind(rig.database, webhook, [await rowOf(now)])).toEqual(new Set([now._id]));
  });

  test('webhooks#35: an order that is switched on or off is in force for the next attempt', async () => {
    webhook = await seedWebhook(rig.database, receiver.url);
    const set = (ordering: 'none' | 'conversation') => {
      const changes = { ordering };
      return updateWebhook(rig.database, { agentId: webhook.agentId, id: webhook._id, changes, at: new Date() });
    };
    await seedOne('conv_a', failed(inAnHour()));
    const next = await seedOne('conv_a');
    await set('conversation');
    expect((await lease()).leases).toEqual([]);
    await set('none');
    expect((await lease()).leases.map(({ delivery }) => delivery._id)).toEqual([next._id]);
  });

  test('of two that had failed before the order was asked for, the later is put off without an attempt', async () => {
    receiver.answer(500);
    const now = new Date();
    const first = await seedOne('conv_a', failed(new Date(now.getTime() - 1_000)));
    const second = await seedOne('conv_a', failed(new Date(now.getTime() - 2_000)));
    const view = await rig.attemptDue(webhook._id, now);
    expect(view).toMatchObject({ attempted: 1, stage: 'retrying' });
    expect(await rowOf(first)).toMatchObject({ status: 'failed', attempts: 2 });
    const putOff = await rowOf(second);
    expect(putOff).toMatchObject({ status: 'failed', attempts: 1 });
    expect(dueOf(putOff).getTime()).toBeGreaterThanOrEqual(now.getTime() + 10_000);
    expect(dueOf(putOff).getTime()).toBeLessThanOrEqual(now.getTime() + 300_000);
    // Whoever waits for it sleeps until then.
    expect(view.nextAt).toBeGreaterThanOrEqual(now.getTime() + 10_000);
  });

  test('webhooks#40: a probe is made with what waits for nobody, or not at all', async () => {
    const due = inAnHour();
    const head = await seedOne('conv_a', failed(due));
    const next = await seedOne('conv_a');
    const openUntil = new Date();
    const breaker = { ...webhook.breaker, state: 'open' as const, consecutive: 5, openUntil };
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { breaker } });
    const idle = await rig.attemptDue(webhook._id, new Date(openUntil.getTime() + COOL_DOWN_MS));
    expect(idle).toMatchObject({ attempted: 0, stage: 'circuit_open', nextAt: due.getTime() });
    expect(await rig.attemptDue(webhook._id, due)).toMatchObject({ attempted: 1, delivered: 1 });
    expect(await rowOf(head)).toMatchObject({ status: 'delivered' });
    rig.startWorker().wake(webhook._id);
    await untilStatus(next, 'delivered');
  });
});
