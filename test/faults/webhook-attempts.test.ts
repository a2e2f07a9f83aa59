import type { Delivery } from '../../store/schema/collections/deliveries';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { waitFor } from '../support/wait';
import { secretsOf, seedDeliveries, seedWebhook } from '../support/webhook-rig';
import { useStack } from '../support/use-stack';

/** Twice what may pass until a dead worker is noticed, for machines that are busy. */
const NOTICED_MS = 120_000;

describe('workers that die while a webhook is on the wire', () => {
  const { stack, database } = useStack({ apis: 1, env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  async function seedAll(count: number, changes: Partial<Webhook> = {}, row: Partial<Delivery> = {}) {
    const agent = await database.agents.findOne({ handle: 'chatfather' });
    // Held until all are there, or the worker would begin with the first of them.
    const own = { agentId: agent?._id ?? '', held: 'paused' as const, ...changes };
    const webhook = await seedWebhook(database, receiver.url, own, secretsOf(stack));
    const rows = await seedDeliveries(database, webhook, count, row);
    await database.webhooks.updateOne({ _id: webhook._id }, { $set: { held: null } });
    return rows.map(({ _id }) => _id);
  }
  const seed = async () => (await seedAll(1))[0] ?? '';
  const untilDelivered = (id: string) =>
    waitFor(
      async () => {
        const row = await database.deliveries.findOne({ _id: id });
        return row?.status === 'delivered' ? row : null;
      },
      { timeoutMs: NOTICED_MS },
    );
  const workerThatRuns = () => {
    const worker = stack.workers.find((one) => one.isRunning());
    if (worker === undefined) throw new Error('no worker runs');
    return worker;
  };

  /** The worker dies with a request on the wire; its receiver answers nobody, and another worker begins. */
  const replaceThenAnswer = async (answer: () => void): Promise<void> => {
    await stack.kill(workerThatRuns());
    answer();
    await stack.startWorker();
  };

  test('webhooks#18, webhooks#G3, webhooks#G10: an answered but unrecorded attempt is repeated once', async () => {
    let isKilled = false;
    const killThenAnswer = async (answer: () => void): Promise<void> => {
      await stack.kill(workerThatRuns());
      answer();
      isKilled = true;
    };
    receiver.answer((response, _, count) => {
      if (count === 1) void killThenAnswer(() => response.writeHead(200).end());
      else response.writeHead(200).end();
    });
    const id = await seed();
    await receiver.received(1);
    await waitFor(() => isKilled);
    expect(await database.deliveries.findOne({ _id: id })).toMatchObject({ status: 'delivering', attempts: 1 });
    const diedAtMs = Date.now();
    await stack.startWorker();
    expect(await untilDelivered(id)).toMatchObject({ attempts: 2 });
    expect(Date.now() - diedAtMs).toBeLessThan(NOTICED_MS);
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-delivery'])).toEqual([id, id]);
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-attempt'])).toEqual(['1', '2']);
    expect(receiver.requests[0]?.body).toEqual(receiver.requests[1]?.body);
  });

  test('webhooks#43: a batch that was answered but not recorded is repeated as one, with the same bytes', async () => {
    const replacing: Promise<void>[] = [];
    receiver.answer((response, _, count) => {
      if (count === 1) replacing.push(replaceThenAnswer(() => response.writeHead(200).end()));
      else response.writeHead(200).end();
    });
    const ids = await seedAll(5, { batching: true });
    await receiver.received(1);
    await Promise.all(replacing);
    for (const id of ids) expect(await untilDelivered(id)).toMatchObject({ attempts: 2 });
    const [first, again, ...more] = receiver.requests;
    expect(more).toEqual([]);
    expect(again?.body).toEqual(first?.body);
    expect(again?.headers['x-agentchat-delivery']).toBe(first?.headers['x-agentchat-delivery']);
  });

  test('webhooks#40: a worker that dies with one on the wire leaves its conversation in order', async () => {
    const replacing: Promise<void>[] = [];
    receiver.answer((response, _, count) => {
      if (count === 2) replacing.push(replaceThenAnswer(() => response.writeHead(200).end()));
      else response.writeHead(200).end();
    });
    const ids = await seedAll(4, { ordering: 'conversation' }, { conversationId: 'conv_killed' });
    await receiver.received(2);
    await Promise.all(replacing);
    for (const id of ids) await untilDelivered(id);
    const [one, two, three, four] = ids;
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-delivery'])).toEqual([
      one,
      two,
      two,
      three,
      four,
    ]);
  });

  test('a worker that is shut down hands over what it could not finish, at once', async () => {
    receiver.answer((response, _, count) => {
      if (count > 1) response.writeHead(200).end();
    });
    const id = await seed();
    await receiver.received(1);
    const old = workerThatRuns();
    await stack.startWorker();
    await stack.terminate(old);
    // Recorded as lost by the worker itself: nobody had to wait for the end of its lease.
    const row = await database.deliveries.findOne({ _id: id });
    expect(row?.status).not.toBe('delivering');
    expect(await untilDelivered(id)).toMatchObject({ attempts: 2 });
    expect(receiver.requests).toHaveLength(2);
  });
});
