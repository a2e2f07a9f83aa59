import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { waitFor } from '../support/wait';
import { secretsOf, seedDeliveries, seedWebhook } from '../support/webhook-rig';
import { useStack } from '../support/use-stack';

/** Twice what may pass until a dead worker is noticed, for machines that are busy. */
const NOTICED_MS = 120_000;

describe('workers that die while a webhook is on the wire', () => {
  const { stack, database } = useStack({ apis: 1, env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  async function seed() {
    const agent = await database.agents.findOne({ handle: 'chatfather' });
    const webhook = await seedWebhook(database, receiver.url, { agentId: agent?._id ?? '' }, secretsOf(stack));
    const [delivery] = await seedDeliveries(database, webhook);
    return delivery?._id ?? '';
  }
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
