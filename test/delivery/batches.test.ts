import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { randomUUID } from 'node:crypto';
import type { Delivery } from '../../store/schema/collections/deliveries';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { leaseBatch } from '../../store/webhooks/attempts/lease-batch';
import { leaseFirst } from '../../store/webhooks/attempts/leases';
import { recordLost } from '../../store/webhooks/attempts/lost';
import { dueUnits, firstUnits } from '../../store/webhooks/attempts/units';
import { redeliver } from '../../store/webhooks/attempts/redeliveries';
import { cancelGroupDeliveries } from '../../store/webhooks/deliveries';
import { updateWebhook } from '../../store/webhooks/update-webhook';
import type { Parsed } from '../support/agents';
import { type Received, useReceiver } from '../support/receiver';
import { useEach } from '../support/use';
import { waitFor } from '../support/wait';
import { SECRET, seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

/** A batch is one request and one fate: were it many, a failing endpoint would get parts of it twice and others never. */
describe('messages in batches (webhooks.md §11.7)', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );
  let webhook: Webhook;
  beforeEach(async () => {
    // Leases that another test left would end in this one.
    await rig.database.deliveries.deleteMany({});
    webhook = await seedWebhook(rig.database, receiver.url, { batching: true });
  });

  const envelopeOf = ({ body }: Received): Parsed => JSON.parse(body.toString('utf8'));
  const eventsOf = (request: Received): string[] => envelopeOf(request).events.map((event: Parsed) => event.id);
  const idsOf = (rows: Delivery[]): string[] => rows.map(({ eventId }) => eventId);
  const ofWebhook = () => rig.database.deliveries.find({ webhookId: webhook._id }, { sort: { order: 1 } }).toArray();
  const untilAll = (status: Delivery['status'], count: number) =>
    waitFor(async () => (await rig.database.deliveries.countDocuments({ webhookId: webhook._id, status })) === count, {
      describe: `${count} that are ${status}`,
    });
  const lease = () =>
    leaseFirst(rig.database, { webhookId: webhook._id, count: 10, newToken: randomUUID, now: new Date() });

  test('webhooks#43: 250 events are three requests in their order; the one that fails is repeated as one', async () => {
    const rows = await seedDeliveries(rig.database, webhook, 250);
    receiver.answer((response, request, count) => {
      const isSecond = count <= 3 && eventsOf(request)[0] === rows[100]?.eventId;
      response.writeHead(isSecond ? 503 : 200).end();
    });
    rig.startWorker().wake(webhook._id);
    await untilAll('delivered', 150);
    await untilAll('failed', 100);
    const requests = [...receiver.requests];
    expect(requests.map((request) => eventsOf(request).length)).toEqual([100, 100, 50]);
    expect(requests.flatMap(eventsOf)).toEqual(idsOf(rows));
    const failed = (await ofWebhook()).filter(({ status }) => status === 'failed');
    const dueTimes = new Set(failed.map(({ nextAttemptAt }) => nextAttemptAt?.getTime()));
    expect([dueTimes.size, new Set(failed.map(({ attempts }) => attempts))]).toEqual([1, new Set([1])]);
    const [due] = dueTimes;
    expect(await rig.attemptDue(webhook._id, new Date(due ?? 0))).toMatchObject({ attempted: 1, delivered: 100 });
    await untilAll('delivered', 250);
    const [, first] = requests;
    const again = receiver.requests[3];
    expect(again?.body).toEqual(first?.body);
    const shown = (request: Received | undefined) => [
      request?.headers['x-agentchat-delivery'],
      request?.headers['x-agentchat-attempt'],
    ];
    expect(shown(again)).toEqual([shown(first)[0], '2']);
    expect(receiver.requests).toHaveLength(4);
    expect(receiver.atOnceMax).toBe(1);
  });

  test('webhooks#43: a failing batch is one failure for its endpoint, and one dead letter for each message', async () => {
    receiver.answer(500);
    await seedDeliveries(rig.database, webhook, 20);
    rig.startWorker().wake(webhook._id);
    await untilAll('failed', 20);
    expect((await rig.database.webhooks.findOne({ _id: webhook._id }))?.breaker).toMatchObject({
      state: 'closed',
      consecutive: 1,
    });
    const past = new Date();
    const change = { attempts: 8, nextAttemptAt: past };
    await rig.database.deliveries.updateMany({ webhookId: webhook._id }, { $set: change });
    expect(await rig.attemptDue(webhook._id, past)).toMatchObject({ attempted: 1, dead: 20, failed: 0 });
    expect((await ofWebhook()).map(({ log = [] }) => log.length)).toEqual(Array.from({ length: 20 }, () => 2));
  });

  test('webhooks#43: the envelope names itself and holds the events as they would have come alone', async () => {
    const rows = await seedDeliveries(rig.database, webhook, 3);
    rig.startWorker().wake(webhook._id);
    const [request] = await receiver.received(1);
    if (request === undefined) throw new Error('no request');
    const { event, timestamp, events, id, ...rest } = envelopeOf(request);
    expect([event, rest]).toEqual(['message.new.batch', {}]);
    expect(new Date(timestamp).toISOString()).toBe(timestamp);
    expect(events).toEqual(rows.map(({ body }) => JSON.parse(body)));
    expect(request.headers).toMatchObject({
      'x-agentchat-event': 'message.new.batch',
      'x-agentchat-delivery': id,
      'webhook-id': id,
    });
    const signature = String(request.headers['agentchat-signature']);
    await expect(verifyWebhook({ payload: request.body, signature, secret: SECRET })).resolves.toBeTruthy();
    await untilAll('delivered', 3);
    expect((await ofWebhook()).map(({ batchId }) => batchId)).toEqual([id, id, id]);
  });

  test('webhooks#43: two workers make each batch once', async () => {
    const rows = await seedDeliveries(rig.database, webhook, 250);
    const workers = [rig.startWorker(), rig.startWorker()];
    for (const worker of workers) worker.wake(webhook._id);
    await untilAll('delivered', 250);
    expect(receiver.requests.flatMap(eventsOf)).toEqual(idsOf(rows));
    expect(receiver.atOnceMax).toBe(1);
  });

  test('webhooks#43: while a batch is on the wire no other starts, and what comes meanwhile gathers', async () => {
    await seedDeliveries(rig.database, webhook, 3);
    expect((await lease()).leases.map(({ batch }) => batch?.length)).toEqual([3]);
    await seedDeliveries(rig.database, webhook, 2);
    expect((await lease()).leases).toEqual([]);
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { slots: [] } });
    await seedDeliveries(rig.database, webhook, 2);
    expect((await lease()).leases.map(({ batch }) => batch?.length)).toEqual([4]);
  });

  // Receivers throw away what comes again under an id that they have seen.
  test('webhooks#43: what is left of an old choice does not go under the id of a batch that was sent', async () => {
    const [first, ...left] = await seedDeliveries(rig.database, webhook, 3);
    const { units } = await firstUnits(rig.database, { webhookId: webhook._id, count: 10 }, { batching: true });
    const [unit] = units;
    const { batchId = '' } = unit ?? {};
    if (unit === undefined || first === undefined) throw new Error('nothing was chosen');
    await rig.database.deliveries.updateOne({ _id: first._id }, { $set: { status: 'delivered', batchId } });
    const $set = { status: 'delivering' };
    expect(await leaseBatch(rig.database, { unit, batchId, $set, now: new Date() })).toEqual([]);
    const { leases } = await lease();
    expect(leases.map(({ batch = [] }) => batch.map(({ _id }) => _id))).toEqual([left.map(({ _id }) => _id)]);
    expect(leases[0]?.delivery.batchId).not.toBe(batchId);
  });

  test('webhooks#43: a batch whose worker died is repeated as one, whatever the sweep looked at', async () => {
    const rows = await seedDeliveries(rig.database, webhook, 30);
    expect((await lease()).leases.map(({ batch }) => batch?.length)).toEqual([30]);
    const later = new Date(Date.now() + 60_000);
    expect(await recordLost(rig.database, later, 7)).toBe(7);
    expect(await recordLost(rig.database, later, 100)).toBe(0);
    // One place on the wire, one start that a rate limit counts.
    expect(await dueUnits(rig.database, { webhookId: webhook._id, count: 10, now: later }, {})).toHaveLength(1);
    expect(await rig.attemptDue(webhook._id, later)).toMatchObject({ attempted: 1, delivered: 30, nextAt: null });
    const [request] = receiver.requests;
    expect([request?.headers['x-agentchat-attempt'], request === undefined ? [] : eventsOf(request)]).toEqual([
      '2',
      idsOf(rows),
    ]);
    expect((await rig.database.webhooks.findOne({ _id: webhook._id }))?.breaker.consecutive).toBe(0);
  });

  test('what is taken back of a batch is not in its repetition; the rest is, in order', async () => {
    receiver.answer(500);
    const groupId = 'grp_taken';
    const message = { conversationId: 'conv_a', messageId: 'msg_a' };
    const before = await seedDeliveries(rig.database, webhook, 2, message);
    await seedDeliveries(rig.database, webhook, 2, { conversationId: groupId, messageId: 'msg_b' });
    const behind = await seedDeliveries(rig.database, webhook, 2, message);
    rig.startWorker().wake(webhook._id);
    await untilAll('failed', 6);
    await cancelGroupDeliveries(rig.database, { groupId, noticeId: 'msg_notice', now: new Date() });
    receiver.answer(200);
    const due = (await ofWebhook())[0]?.nextAttemptAt ?? new Date();
    expect(await rig.attemptDue(webhook._id, due)).toMatchObject({ attempted: 1, delivered: 4 });
    const [first, again] = receiver.requests;
    if (first === undefined || again === undefined) throw new Error('no request');
    expect(eventsOf(again)).toEqual(idsOf([...before, ...behind]));
    expect(envelopeOf(again).id).toBe(envelopeOf(first).id);
  });

  test('webhooks#31: a message of a batch that is asked for again leaves it, and goes under an id of its own', async () => {
    receiver.answer(500);
    const [asked, left] = await seedDeliveries(rig.database, webhook, 2);
    const worker = rig.startWorker();
    worker.wake(webhook._id);
    await untilAll('failed', 2);
    receiver.answer(200);
    const own = { agentId: webhook.agentId, webhookId: webhook._id, deliveryId: asked?._id ?? '' };
    const again = await redeliver(rig.database, { ...own, token: randomUUID(), now: new Date() });
    expect(again).toMatchObject({ kind: 'redelivered', delivery: { replayOf: asked?._id } });
    expect(again).not.toHaveProperty('delivery.batchId');
    worker.wake(webhook._id);
    await untilAll('delivered', 1);
    const due = (await ofWebhook()).find(({ _id }) => _id === left?._id)?.nextAttemptAt ?? new Date();
    expect(await rig.attemptDue(webhook._id, due)).toMatchObject({ attempted: 1, delivered: 1, failed: 0 });
    const [first, replay, rest] = receiver.requests.map((request) => [envelopeOf(request).id, eventsOf(request)]);
    expect([replay?.[1], rest]).toEqual([[asked?.eventId], [first?.[0], [left?.eventId]]]);
    expect(replay?.[0]).not.toBe(first?.[0]);
  });

  test('webhooks#43: events that are no messages come alone; a request holds no more than about a megabyte', async () => {
    const body = JSON.stringify({ event: 'message.new', data: { text: 'x'.repeat(600_000) }, id: 'evt_long' });
    await seedDeliveries(rig.database, webhook, 2, { body });
    const [read] = await seedDeliveries(rig.database, webhook, 1, { event: 'message.read' });
    await seedDeliveries(rig.database, webhook, 2);
    rig.startWorker().wake(webhook._id);
    await untilAll('delivered', 5);
    const told = receiver.requests.map((request) => envelopeOf(request).events?.length ?? envelopeOf(request).id);
    // The read waits for its turn: messages before it go first, and take none along that are too long.
    expect([...told].sort()).toEqual([1, 3, read?.eventId].sort());
    expect(told[0]).toBe(1);
  });

  test('webhooks#35: batches are asked for and ended from the next attempt on; what went together stays so', async () => {
    const set = (batching: boolean) => {
      const changes = { batching };
      return updateWebhook(rig.database, { agentId: webhook.agentId, id: webhook._id, changes, at: new Date() });
    };
    receiver.answer(500);
    const rows = await seedDeliveries(rig.database, webhook, 3);
    const worker = rig.startWorker();
    worker.wake(webhook._id);
    await untilAll('failed', 3);
    await set(false);
    receiver.answer(200);
    const [alone] = await seedDeliveries(rig.database, webhook);
    worker.wake(webhook._id);
    await untilAll('delivered', 1);
    expect(receiver.requests.at(-1)?.headers).toMatchObject({
      'x-agentchat-event': 'message.new',
      'x-agentchat-delivery': alone?._id,
    });
    const due = (await ofWebhook())[0]?.nextAttemptAt ?? new Date();
    await rig.attemptDue(webhook._id, due);
    const last = receiver.requests.at(-1);
    expect(last === undefined ? [] : eventsOf(last)).toEqual(idsOf(rows));
  });

  test('webhooks#40, webhooks#43: with both, the part behind a failed message waits', async () => {
    webhook = await seedWebhook(rig.database, receiver.url, { batching: true, ordering: 'conversation' });
    const own = { conversationId: 'conv_a' };
    const [recovered] = await seedDeliveries(rig.database, webhook, 1, own);
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    await seedDeliveries(rig.database, webhook, 1, { ...own, status: 'failed', attempts: 1, nextAttemptAt });
    const [behind] = await seedDeliveries(rig.database, webhook, 1, own);
    const { leases } = await lease();
    expect(leases.map(({ batch = [] }) => batch.map(({ _id }) => _id))).toEqual([[recovered?._id]]);
    expect((await ofWebhook()).find(({ _id }) => _id === behind?._id)?.status).toBe('pending');
  });

  test('webhooks#40, webhooks#43: with both, a batch takes nothing along that waits for an earlier message', async () => {
    webhook = await seedWebhook(rig.database, receiver.url, { batching: true, ordering: 'conversation' });
    const of = (conversationId: string, count: number, changes: Partial<Delivery> = {}) =>
      seedDeliveries(rig.database, webhook, count, { conversationId, ...changes });
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    const [head] = await of('conv_a', 1, { status: 'failed', attempts: 1, nextAttemptAt });
    const behind = await of('conv_a', 250);
    const free = await of('conv_b', 3);
    const worker = rig.startWorker();
    worker.wake(webhook._id);
    await untilAll('delivered', 3);
    expect(receiver.requests.map(eventsOf)).toEqual([idsOf(free)]);
    await rig.attemptDue(webhook._id, nextAttemptAt);
    worker.wake(webhook._id);
    await untilAll('delivered', 254);
    const [, alone, ...batches] = receiver.requests;
    expect(alone?.headers['x-agentchat-delivery']).toBe(head?._id);
    expect(batches.flatMap(eventsOf)).toEqual(idsOf(behind));
    expect(batches.map((request) => eventsOf(request).length)).toEqual([100, 100, 50]);
  });
});
