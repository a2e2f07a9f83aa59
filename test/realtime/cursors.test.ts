import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { setPause } from '../../store/accounts/set-pause';
import { createOrders } from '../../store/nodes/orders';
import { createLogger } from '../../platform/logger';
import { say, startTalk } from '../support/conversations';
import { useStack } from '../support/use-stack';
import { type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

/** Without it a release could never end: nobody would know that the sockets have what was held back. */
describe('how far sockets have come, as the registry shows it', () => {
  // Pings every second: the beat that writes cursors comes four times as often.
  const { database, url } = useStack({ apis: 2, workers: 0, env: { SOCKET_PING_SECONDS: '1' } });

  const cursorsOf = async ({ id }: Sender): Promise<number[]> =>
    (await database.connections.find({ agentId: id }).toArray()).map(({ cursor }) => cursor);
  const lastPositionOf = async ({ id }: Sender): Promise<number> =>
    ((await database.guards.findOne<InboxInGuard>({ _id: inboxInId(id) }))?.nextPosition ?? 0) - 1;
  const untilAllAt = (agent: Sender, position: number) =>
    waitFor(async () => (await cursorsOf(agent)).every((cursor) => cursor === position), {
      describe: `every socket at ${position}`,
    });

  test('sockets on two nodes come to the head of the inbox, and stand still where a full pause holds it', async () => {
    const { a, b } = await startTalk(database, url());
    await say(url(), a, b, 5);
    const clients = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), b.key, ['ack'])));
    for (const client of clients) await client.untilMessages(6);
    const before = await lastPositionOf(b);
    await untilAllAt(b, before);
    const nodes = new Set((await database.connections.find({ agentId: b.id }).toArray()).map(({ nodeId }) => nodeId));
    expect(nodes.size).toBe(2);

    const orders = createOrders({ database, log: createLogger('test', 'silent') });
    await setPause(database, b.id, 'full', new Date());
    await orders.give({ kind: 'recheck', agentId: b.id });
    await say(url(1), a, b, 3);
    // The other agent's socket is written by the same beats: when it is, the paused one's would have been, too.
    const other = await SocketClient.hello(url(), a.key, ['ack']);
    await untilAllAt(a, await lastPositionOf(a));
    expect(await cursorsOf(b)).toEqual([before, before]);

    await setPause(database, b.id, 'none', new Date());
    await orders.give({ kind: 'recheck', agentId: b.id });
    await untilAllAt(b, before + 3);
    for (const client of clients) expect(client.messages()).toHaveLength(9);
    for (const client of [...clients, other]) client.end();
  });

  test('a row is never ahead of what its socket was handed', async () => {
    const { a, b } = await startTalk(database, url());
    const client = await SocketClient.hello(url(1), b.key, ['ack']);
    for (let round = 0; round < 4; round += 1) {
      await say(url(), a, b, 5);
      const [cursor = 0] = await cursorsOf(b);
      await client.roundTrip();
      expect(client.messages().length).toBeGreaterThanOrEqual(cursor);
      await untilAllAt(b, await lastPositionOf(b));
    }
    client.end();
  });
});
