import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { seedBacklog } from '../support/backlog';
import { callsOf, say, startTalk } from '../support/conversations';
import { groupCalls } from '../support/groups';
import { flipPause, inParallel, positionsOf, sequence } from '../support/releases';
import { makeSenders, send, type Sender } from '../support/traffic';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

/** The queue of a full pause on sockets: dashboard.md §8.5. Positions of deliveries are the order of the queue. */
describe('release of what a full pause held back, on sockets', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const flip = (agent: { id: string }, mode: 'none' | 'send' | 'full') => flipPause(database, agent.id, mode);
  const lastPositionOf = async (agent: { id: string }): Promise<number> =>
    ((await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agent.id) }))?.nextPosition ?? 1) - 1;
  const open = (node: number, agent: Sender, capabilities: string[] = ['ack']) =>
    SocketClient.hello(url(node), agent.key, capabilities);
  /** Open sockets of an agent that have all that came before. */
  async function caughtUp(agent: Sender, places: { node: number; capabilities?: string[] }[]): Promise<SocketClient[]> {
    const clients = await Promise.all(places.map(({ node, capabilities }) => open(node, agent, capabilities)));
    await callsOf(url(), agent).sync();
    return clients;
  }

  test('dashboard#20, dashboard#G1, dashboard#G2, dashboard#G8, dashboard#G13: sockets get 3,000 in order', async () => {
    const [b, ...others] = await makeSenders(database, 41);
    for (const other of others) {
      await send(url(), other, b, `open-${other.id}`);
      await send(url(), b, other, `reply-${other.id}`);
    }
    const api = groupCalls(stack, database);
    const asAgent = ({ id, handle, key }: Sender) => ({ agent: { _id: id, handle }, apiKey: key }) as never;
    const groups: string[] = [];
    for (const creator of others.slice(0, 3)) groups.push(await api.groupOf(asAgent(creator), asAgent(b)));
    const calls = callsOf(url(), b);
    await calls.ack((await calls.sync('?limit=500')).at(-1)?.['delivery_id']);
    const clients = await caughtUp(b, [{ node: 0 }, { node: 1, capabilities: [] }, { node: 1 }]);
    await flip(b, 'full');
    const first = (await lastPositionOf(b)) + 1;
    let accepted = 0;
    const one = async (index: number): Promise<void> => {
      const sender = others[index % 40];
      if (sender === undefined) return;
      const answer =
        index % 10 < 3
          ? await api.send(asAgent(others[index % 3] ?? sender), groups[index % 3] ?? '', 'to all')
          : await send(url(index % 2), sender, b, `row-${index}`);
      if (answer.status !== 201) throw new Error(`a send answered ${answer.status}`);
      accepted += 1;
    };
    await inParallel(3_000, 32, one);
    for (const client of clients) await client.roundTrip();
    expect(clients.map((client) => client.messages().length)).toEqual([0, 0, 0]);
    let isDone = false;
    const meanwhile = inParallel(2_000, 4, (index) => (isDone ? Promise.resolve() : one(3_000 + index)));
    await flip(b, 'none');
    const answeredMs = performance.now();
    await Promise.all(clients.map((client) => client.untilMessages(1)));
    expect(performance.now() - answeredMs).toBeLessThan(1_000);
    await Promise.all(clients.map((client) => client.untilMessages(3_000)));
    isDone = true;
    await meanwhile;
    for (const client of clients) {
      await client.untilMessages(accepted);
      await client.roundTrip();
      expect(positionsOf(client)).toEqual(sequence(first, accepted));
      client.end();
    }
  });

  test('dashboard#19: leaving full for send releases what came in; sends are still refused', async () => {
    const { a, b } = await startTalk(database, url());
    const [client] = await caughtUp(b, [{ node: 1 }]);
    await client?.untilMessages(1);
    await flip(b, 'full');
    const rows = await say(url(), a, b, 5);
    await flip(b, 'send');
    await client?.untilMessages(6);
    expect(
      client
        ?.messages()
        .slice(1)
        .map(({ id }) => id),
    ).toEqual(rows.map(({ id }) => id));
    expect((await send(url(), b, a, 'refused')).body.code).toBe('AGENT_PAUSED_BY_OWNER');
    await say(url(), a, b);
    await client?.untilMessages(7);
    client?.end();
  });

  test('dashboard#18, dashboard#G5, dashboard#21: a pause amid a release stops every frame at its answer', async () => {
    const { a, b } = await startTalk(database, url());
    const clients = await caughtUp(b, [{ node: 0 }, { node: 1 }]);
    for (const client of clients) await client.untilMessages(1);
    await flip(b, 'full');
    const first = (await lastPositionOf(b)) + 1;
    await seedBacklog(database, a, b, 3_000);
    await flip(b, 'none');
    await Promise.all(clients.map((client) => client.untilMessages(501)));
    await flip(b, 'full');
    for (const client of clients) await client.roundTrip();
    const counts = clients.map((client) => client.messages().length);
    for (const count of counts) expect(count).toBeLessThan(3_000);
    await say(url(), a, b, 20);
    for (const client of clients) await client.roundTrip();
    expect(clients.map((client) => client.messages().length)).toEqual(counts);
    await flip(b, 'none');
    for (const client of clients) {
      await client.untilMessages(3_021);
      await client.roundTrip();
      expect(positionsOf(client).slice(1)).toEqual(sequence(first, 3_020));
      client.end();
    }
  });

  test('a pause to send in the middle of a release does not stop it', async () => {
    const { a, b } = await startTalk(database, url());
    await flip(b, 'full');
    await seedBacklog(database, a, b, 1_000);
    const client = await open(1, b);
    await flip(b, 'none');
    await client.untilMessages(200);
    await flip(b, 'send');
    await client.untilMessages(1_001);
    expect(positionsOf(client)).toEqual(sequence(1, 1_001));
    client.end();
  });

  test('dashboard#22, dashboard#G6, dashboard#G16: a socket opened amid a release gets the queue once', async () => {
    const { a, b } = await startTalk(database, url());
    const [client] = await caughtUp(b, [{ node: 0 }]);
    await client?.untilMessages(1);
    await flip(b, 'full');
    await seedBacklog(database, a, b, 2_000);
    await flip(b, 'none');
    expect(await callsOf(url(1), b).sync('?limit=500')).toHaveLength(500);
    await client?.untilMessages(300);
    const late = await open(1, b);
    for (const socket of [client, late]) {
      await socket?.untilMessages(2_001);
      await socket?.roundTrip();
      expect(positionsOf(socket as SocketClient)).toEqual(sequence(1, 2_001));
      socket?.end();
    }
  });

  test('dashboard#G7: without a socket nothing is pushed or lost; the next one gets it all', async () => {
    const { a, b } = await startTalk(database, url());
    await flip(b, 'full');
    await say(url(), a, b, 3);
    await flip(b, 'none');
    expect(await callsOf(url(), b).sync()).toHaveLength(4);
    const client = await open(1, b);
    await client.untilMessages(4);
    expect(positionsOf(client)).toEqual(sequence(1, 4));
    client.end();
  });

  test('dashboard#23, dashboard#G12: a socket that stops reading is closed, and gets its rows later', async () => {
    const { a, b } = await startTalk(database, url());
    const client = await open(0, b);
    await client.untilMessages(1);
    await flip(b, 'full');
    const text = 'x'.repeat(32_000);
    await inParallel(520, 16, (index) => send(url(), a, b, `large-${b.id}-${index}`, text));
    client.socket.pause();
    await flip(b, 'none');
    await waitFor(async () => (await database.connections.countDocuments({ agentId: b.id })) === 0, {});
    client.socket.resume();
    expect((await client.untilClosed()).code).toBe(1013);
    const again = await open(1, b);
    await again.untilMessages(521);
    expect(positionsOf(again)).toEqual(sequence(1, 521));
    again.end();
  });
});
