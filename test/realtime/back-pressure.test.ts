import { countersOf, seedBacklog } from '../support/backlog';
import { startTalk } from '../support/conversations';
import { useStack } from '../support/use-stack';
import { makeSenders, send } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

/** With the messages around it the most that an inbox takes. */
const BACKLOG = 9_998;

describe('load on sockets', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  test('realtime#26: a backlog of 10,000 drains in order; 10,000 acks at once are all applied, no close', async () => {
    const { a, b } = await startTalk(database, url());
    const ids = await seedBacklog(database, a, b, BACKLOG);
    const client = await SocketClient.hello(url(1), b.key, ['ack']);
    // Three more at the end, one of them sent while the drain runs.
    ids.push(String((await send(url(), a, b, 'during')).body.id));
    await client.untilMessages(BACKLOG + 2, 120_000);
    const received = client.messages().map(({ id }) => id);
    expect(received.slice(1)).toEqual(ids);
    expect(client.messages().map(({ seq }) => seq)).toEqual(
      client
        .messages()
        .map(({ seq }) => seq)
        .sort((one, other) => one - other),
    );
    for (const message_id of received) client.send({ type: 'ack', message_id });
    await waitFor(async () => (await countersOf(database, b)).counted === 0);
    expect(await countersOf(database, b)).toEqual({ counted: 0, stored: 0 });
    await client.roundTrip();
    expect(client.closed).toBeNull();
    client.end();
  });

  test('a flood of acks that mean nothing harms nobody: others are served, real acks behind it count', async () => {
    const { a, b } = await startTalk(database, url());
    const [flooding, other] = [
      await SocketClient.hello(url(), b.key, ['ack']),
      await SocketClient.hello(url(), a.key, ['ack']),
    ];
    await flooding.untilMessages(1);
    for (let index = 0; index < 20_000; index += 1) flooding.send({ type: 'ack', message_id: `msg_${index}` });
    flooding.send({ type: 'ack', message_id: flooding.messages()[0]?.id });
    await send(url(), b, a, 'meanwhile');
    await other.untilMessages(1);
    await waitFor(async () => (await countersOf(database, b)).counted === 0);
    expect(flooding.closed).toBeNull();
    for (const client of [flooding, other]) client.end();
  });

  test('1,000 sockets of a killed node come back at once elsewhere: all live, each with what it missed', async () => {
    const [sender] = await makeSenders(database, 1);
    const agents = await makeSenders(database, 100);
    const node = await stack.startApi();
    // Refused with 1013 while the registry still counts the sockets of the killed node: a client tries again.
    const connect = (baseUrl: string, key: string): Promise<SocketClient> =>
      waitFor(
        async () => {
          const client = await SocketClient.bearer(baseUrl, key);
          return client.frames[0] === undefined ? null : client;
        },
        { intervalMs: 200, describe: 'a place' },
      );
    const connectAll = (baseUrl: string) =>
      Promise.all(
        agents.flatMap(({ key }) =>
          Array.from({ length: 10 }, async () => ({ key, client: await connect(baseUrl, key) })),
        ),
      );
    const before = await connectAll(node.baseUrl);
    expect(before).toHaveLength(1_000);
    await stack.kill(node);
    await Promise.all(before.map(({ client }) => client.untilClosed()));
    const sent = new Map<string, unknown>();
    for (const agent of agents) {
      const { status, body } = await send(url(), sender, agent, `to ${agent.handle}`);
      expect(status).toBe(201);
      sent.set(agent.key, body.id);
    }
    const after = await connectAll(url());
    for (const { key, client } of after) {
      await client.untilMessages(1);
      expect(client.messages().map(({ id }) => id)).toEqual([sent.get(key)]);
    }
    expect(await database.connections.countDocuments({ agentId: { $in: agents.map(({ id }) => id) } })).toBe(1_000);
    for (const { client } of after) client.end();
    await waitFor(
      async () =>
        (await database.connections.countDocuments({ agentId: { $in: agents.map(({ id }) => id) } })) === 0 &&
        (await database.presences.countDocuments({ 'sockets.0': { $exists: true } })) === 0,
    );
  });

  test('a shutdown says goodbye to all sockets with 1001, spread over a while, and loses no ack', async () => {
    const { a, b } = await startTalk(database, url());
    const node = await stack.startApi();
    const [agent] = await makeSenders(database, 1);
    const closedAtMs: number[] = [];
    const clients = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = await SocketClient.hello(node.baseUrl, agent.key, ['ack']);
        client.socket.on('close', () => closedAtMs.push(performance.now()));
        return client;
      }),
    );
    await seedBacklog(database, a, b, 300);
    const acking = await SocketClient.hello(node.baseUrl, b.key, ['ack']);
    await acking.untilMessages(301);
    for (const { id } of acking.messages()) acking.send({ type: 'ack', message_id: id });
    await acking.roundTrip();
    await stack.terminate(node);
    for (const client of [...clients, acking]) {
      expect(await client.untilClosed()).toEqual({ code: 1001, reason: 'Server shutting down' });
    }
    expect(Math.max(...closedAtMs) - Math.min(...closedAtMs)).toBeGreaterThan(1_000);
    expect(await countersOf(database, b)).toEqual({ counted: 0, stored: 0 });
  });
});
