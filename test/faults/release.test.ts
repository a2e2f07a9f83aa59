import { setPause } from '../../store/accounts/set-pause';
import { releaseId } from '../../workflows/messages/inbox-release';
import type { TestAgent } from '../support/agents';
import { seedBacklog } from '../support/backlog';
import { groupCalls } from '../support/groups';
import { startReceiver, type Received, LOCAL_RECEIVERS } from '../support/receiver';
import { inParallel, pausingOwner, positionsOf, sequence } from '../support/releases';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';

/** dashboard.md §8.5 G2: a process that dies in the middle of a release loses nothing and repeats no message. */
describe('processes that die in a release', () => {
  const { stack, database, client, url } = useStack({
    apis: 2,
    env: LOCAL_RECEIVERS,
  });

  const api = () => groupCalls(stack, database);
  let sent = 0;
  const send = async (by: TestAgent, to: TestAgent, text: string): Promise<void> => {
    const body = { to: to.agent.handle, client_msg_id: `k-${(sent += 1)}`, content: { text } };
    const answer = await api().as(by, 'POST', '/v1/messages', { body });
    if (answer.status !== 201) throw new Error(answer.text);
  };
  async function friends(): Promise<[TestAgent, TestAgent]> {
    const [a, b] = await api().two();
    await send(a, b, 'opener');
    await send(b, a, 'reply');
    await api().drain(b);
    return [a, b];
  }
  const senderOf = ({ agent, apiKey }: TestAgent) => ({ id: agent._id, handle: agent.handle, key: apiKey });
  const textOf = ({ body }: Received): string => JSON.parse(body.toString('utf8')).data.content.text;

  test("dashboard#22, dashboard#G2: after a worker's death another one notifies webhooks once, in order", async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const receiver = await startReceiver();
    await api().as(b, 'POST', '/v1/webhooks', { body: { url: receiver.url, events: ['message.new'] } });
    await set(b, 'full');
    await inParallel(1, 1, () => seedBacklog(database, senderOf(a), senderOf(b), 400));
    await set(b, 'none');
    await receiver.received(1);
    for (const worker of stack.workers) await stack.kill(worker);
    await stack.startWorker();
    await waitFor(
      async () =>
        (await database.deliveries.countDocuments({ agentId: b.agent._id, status: 'delivered' })) === 400 || null,
      { timeoutMs: 150_000, intervalMs: 250, describe: 'all deliveries' },
    );
    expect(await database.deliveries.countDocuments({ agentId: b.agent._id })).toBe(400);
    const texts = receiver.requests.map(textOf);
    // What was on the wire at the kill counts as an attempt of its own, and is repeated in its turn as a retry.
    expect([...new Set(texts)].sort()).toEqual(
      sequence(0, 400)
        .map((index) => `backlog ${index}`)
        .sort(),
    );
    const firsts = [...new Set(texts)].map((text) => Number(text.slice('backlog '.length)));
    expect(firsts.filter((value, index) => value < (firsts[index - 1] ?? -1)).length).toBeLessThanOrEqual(1);
    expect((await client.workflow.getHandle(releaseId(b.agent._id)).result()).stage).toBe('done');
    await receiver.close();
  });

  test("dashboard#22, dashboard#G2: after a node's death sockets of others go on, a new one gets the rest", async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const victim = await stack.startApi();
    const lost = await SocketClient.hello(victim.baseUrl, b.apiKey, ['ack']);
    const stays = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await set(b, 'full');
    await seedBacklog(database, senderOf(a), senderOf(b), 2_000);
    await set(b, 'none');
    await lost.untilMessages(100);
    await stack.kill(victim);
    expect((await lost.untilClosed()).code).toBe(1006);
    const again = await SocketClient.hello(url(0), b.apiKey, ['ack']);
    for (const socket of [stays, again]) {
      await socket.untilMessages(2_000);
      await socket.roundTrip();
      expect(positionsOf(socket)).toEqual(sequence(2, 2_000));
      socket.end();
    }
  });

  test('an api dies right after the commit: nodes and flow learn of the end of the pause all the same', async () => {
    const [a, b] = await friends();
    const receiver = await startReceiver();
    await api().as(b, 'POST', '/v1/webhooks', { body: { url: receiver.url, events: ['message.new'] } });
    const socket = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await setPause(database, b.agent._id, 'full', new Date());
    await send(a, b, 'parked');
    // Nobody gives an order, and nobody tells the flow.
    await setPause(database, b.agent._id, 'none', new Date());
    await socket.untilMessages(1);
    expect(textOf((await receiver.received(1))[0] as Received)).toBe('parked');
    expect(await client.workflow.getHandle(releaseId(b.agent._id)).result()).toMatchObject({ stage: 'done', told: 1 });
    expect(await database.outbox.countDocuments({ kind: 'inbox.release' })).toBe(0);
    socket.end();
    await receiver.close();
  });
});
