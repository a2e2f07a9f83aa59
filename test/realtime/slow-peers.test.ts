import { makeSenders, request, send, type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';
import { useStack } from '../support/use-stack';

describe('peers that do not keep up', () => {
  const { stack, database, url } = useStack({ workers: 0 });

  async function established(): Promise<[Sender, Sender]> {
    const [a, b] = await makeSenders(database, 2);
    await send(url(), b, a, 'open');
    await send(url(), a, b, 'reply');
    return [a, b];
  }

  /** Nearly the largest message that there is. */
  async function sendLarge(a: Sender, b: Sender, name: string): Promise<string> {
    const body = { to: b.handle, client_msg_id: name, content: { text: 'x'.repeat(32_000) } };
    const answer = await request(`${url()}/v1/messages`, a.key, 'POST', body);
    expect(answer.status).toBe(201);
    return String(answer.body.id);
  }

  test('realtime#14: a reader that stops is closed with 1013 overload and drains after a reconnect', async () => {
    const [a, slow] = await established();
    const [c, quick] = await established();
    const stalled = await SocketClient.hello(url(), slow.key, ['ack']);
    const other = await SocketClient.hello(url(), quick.key, ['ack']);
    await stalled.untilMessages(1);
    stalled.socket.pause();
    const ids: string[] = [];
    let isClosed = false;
    for (let batch = 0; !isClosed && batch < 60; batch += 1) {
      ids.push(...(await Promise.all(Array.from({ length: 16 }, (_, lane) => sendLarge(a, slow, `${batch}-${lane}`)))));
      const { body } = await send(url(), c, quick, `between-${batch}`);
      await waitFor(() => other.messages().some(({ id }) => id === body.id), { timeoutMs: 2_000 });
      // Its place is free at once, although the peer has not read the close yet.
      isClosed = (await database.connections.countDocuments({ agentId: slow.id })) === 0;
    }
    expect(isClosed).toBe(true);
    stalled.socket.resume();
    await stalled.untilClosed();
    // Cut off while it did not read, it may find the close frame behind the data or the connection gone.
    expect([1013, 1006]).toContain(stalled.closed?.code);
    const again = await SocketClient.hello(url(), slow.key, ['ack']);
    await again.untilMessages(ids.length + 1);
    expect(new Set(again.messages().map(({ id }) => id))).toEqual(new Set([...ids, stalled.messages()[0]?.id]));
    for (const client of [again, other]) client.end();
  });

  test('realtime#15: a peer that answers no ping is closed with 1001; one that is only quiet stays', async () => {
    const [, b] = await established();
    const node = await stack.startApi({ SOCKET_PING_SECONDS: '1' });
    const deaf = await SocketClient.hello(node.baseUrl, b.key, ['ack']);
    const quiet = await SocketClient.hello(node.baseUrl, b.key, ['ack']);
    // The library answers pings by itself; this one no longer does.
    deaf.socket.pong = () => undefined;
    expect(await deaf.untilClosed()).toEqual({ code: 1001, reason: 'Heartbeat timeout' });
    expect(quiet.closed).toBeNull();
    expect(await database.connections.countDocuments({ agentId: b.id })).toBe(1);
    quiet.end();
  });
});
