import { countersOf } from '../support/backlog';
import { countUndelivered } from '../../store/inbox/backlog';
import { setPause } from '../../store/accounts/set-pause';
import { useStack } from '../support/use-stack';
import { makeSenders, request, send, type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';
import { itemAt } from '../support/exactly';

describe('live delivery', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  const undelivered = (agent: Sender) => countUndelivered(database, agent.id);

  /** Two agents that may write freely; b's inbox is empty. */
  async function established(): Promise<[Sender, Sender]> {
    const [a, b] = await makeSenders(database, 2);
    await send(url(), b, a, 'open');
    await send(url(), a, b, 'reply');
    const { body } = await request(`${url()}/v1/messages/sync`, b.key);
    const last: unknown = Array.isArray(body) ? body.at(-1)?.delivery_id : null;
    await request(`${url()}/v1/messages/sync/ack`, b.key, 'POST', { last_delivery_id: last });
    return [a, b];
  }

  async function sendMany(a: Sender, b: Sender, count: number, name: string): Promise<string[]> {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const answer = await send(url(index % 2), a, b, `${name}-${index}`);
      ids.push(String(answer.body.id));
    }
    return ids;
  }

  const idsOf = (client: SocketClient) => client.messages().map(({ id }) => id);

  test('realtime#6: a message sent while hello is checked arrives exactly once after hello.ok', async () => {
    const [a, b] = await established();
    const opening = SocketClient.hello(url(1), b.key, ['ack']);
    const ids = await sendMany(a, b, 5, 'while');
    const client = await opening;
    await client.untilMessages(5);
    expect(client.frames[0]?.type).toBe('hello.ok');
    expect(idsOf(client)).toEqual(ids);
    client.end();
  });

  test('realtime#7: 450 stored messages come in order, then live ones, none twice', async () => {
    const [a, b] = await established();
    const stored = await sendMany(a, b, 450, 'stored');
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    const live = await sendMany(a, b, 20, 'live');
    await client.untilMessages(470);
    expect(idsOf(client)).toEqual([...stored, ...live]);
    client.end();
  });

  test('realtime#8: in ack mode what was not acked comes again, with the same ids', async () => {
    const [a, b] = await established();
    const first = await SocketClient.hello(url(), b.key, ['ack']);
    const ids = await sendMany(a, b, 3, 'unacked');
    await first.untilMessages(3);
    first.end();
    const second = await SocketClient.hello(url(1), b.key, ['ack']);
    await second.untilMessages(3);
    expect(idsOf(second)).toEqual(ids);
    for (const message_id of ids) second.send({ type: 'ack', message_id });
    await waitFor(async () => (await undelivered(b)) === 0);
    second.end();
  });

  test('realtime#9: without the capability a pushed message is delivered and does not come again', async () => {
    const [a, b] = await established();
    const first = await SocketClient.hello(url(), b.key);
    await sendMany(a, b, 3, 'marked');
    await first.untilMessages(3);
    await waitFor(async () => (await undelivered(b)) === 0);
    first.end();
    const second = await SocketClient.hello(url(), b.key);
    const ids = await sendMany(a, b, 1, 'later');
    await second.untilMessages(1);
    expect(idsOf(second)).toEqual(ids);
    second.end();
  });

  test('realtime#10: acks of unknown, own and already acked messages change nothing', async () => {
    const [a, b] = await established();
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    const [id] = await sendMany(a, b, 2, 'acked');
    const own = (await send(url(), b, a, 'own')).body.id;
    await client.untilMessages(2);
    for (const message_id of [id, id, 'msg_unknown', own, 7, null]) client.send({ type: 'ack', message_id });
    await waitFor(async () => (await undelivered(b)) === 1);
    client.send({ type: 'ping' });
    await waitFor(() => client.frames.some((frame) => frame.type === 'pong'));
    expect(await undelivered(b)).toBe(1);
    expect(client.frames.filter((frame) => frame.type === 'error')).toEqual([]);
    client.end();
  });

  test('realtime#11, realtime#12: two sockets get live frames, the backlog goes only to the new one', async () => {
    const [a, b] = await established();
    const first = await SocketClient.hello(url(), b.key, ['ack']);
    const before = await sendMany(a, b, 3, 'before');
    await first.untilMessages(3);
    const second = await SocketClient.hello(url(1), b.key, ['ack']);
    await second.untilMessages(3);
    const after = await sendMany(a, b, 3, 'after');
    await Promise.all([first.untilMessages(6), second.untilMessages(6)]);
    expect(idsOf(first)).toEqual([...before, ...after]);
    expect(idsOf(second)).toEqual([...before, ...after]);
    for (const message_id of before) first.send({ type: 'ack', message_id });
    for (const message_id of before) second.send({ type: 'ack', message_id });
    await waitFor(async () => (await undelivered(b)) === 3);
    for (const client of [first, second]) client.end();
  });

  test('realtime#13: messages sent at once through two nodes are in ascending seq on each socket', async () => {
    const [a, b] = await established();
    const clients = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), b.key, ['ack'])));
    await Promise.all(Array.from({ length: 60 }, (_, index) => send(url(index % 2), a, b, `burst-${index}`)));
    for (const client of clients) {
      await client.untilMessages(60);
      const seqs = client.messages().map(({ seq }) => seq);
      expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
      expect(new Set(seqs).size).toBe(60);
      client.end();
    }
  });

  test('realtime#20: under pause send inbound goes on', async () => {
    const [a, b] = await established();
    await setPause(database, b.id, 'send', new Date());
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    await sendMany(a, b, 2, 'inbound');
    await client.untilMessages(2);
    client.end();
  });

  test('realtime#19: under full pause nothing is pushed; afterwards everything, in order, on the same socket', async () => {
    const [a, b] = await established();
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    await setPause(database, b.id, 'full', new Date());
    const ids = await sendMany(a, b, 3, 'held');
    client.send({ type: 'ping' });
    await waitFor(() => client.frames.some((frame) => frame.type === 'pong'));
    expect(client.messages()).toEqual([]);
    await setPause(database, b.id, 'none', new Date());
    await client.untilMessages(3);
    expect(idsOf(client)).toEqual(ids);
    client.end();
  });

  test('realtime#21: a muted row is in the drain of the next connect', async () => {
    const [a, b] = await established();
    const ids = await sendMany(a, b, 2, 'muted');
    await database.envelopes.updateOne({ messageId: ids[0] }, { $set: { muted: true } });
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    await client.untilMessages(2);
    expect(idsOf(client)).toEqual(ids);
    client.end();
  });

  test('every live push reaches all open sockets on all nodes, however fast one of them has it delivered', async () => {
    const [a, b] = await established();
    // Both mark on send: what one node pushed is delivered before the other node's socket has read it.
    const here = await SocketClient.hello(url(0), b.key);
    const there = await SocketClient.hello(url(1), b.key);
    const lanes = Array.from({ length: 20 }, (_, lane) =>
      Promise.all(Array.from({ length: 10 }, (_, index) => send(url(0), a, b, `both-${lane}-${index}`))),
    );
    await Promise.all(lanes);
    await Promise.all([here.untilMessages(200), there.untilMessages(200)]);
    expect(idsOf(there)).toEqual(idsOf(here));
    expect(new Set(idsOf(there)).size).toBe(200);
    await waitFor(async () => (await undelivered(b)) === 0);
    here.end();
    there.end();
  });

  test('realtime#26: a thousand acks in a burst are all applied', async () => {
    const [a, b] = await established();
    await Promise.all(Array.from({ length: 50 }, (_, lane) => sendMany(a, b, 20, `lane-${lane}`)));
    const client = await SocketClient.hello(url(), b.key, ['ack']);
    await client.untilMessages(1_000);
    for (const message_id of idsOf(client)) client.send({ type: 'ack', message_id });
    await waitFor(async () => (await undelivered(b)) === 0);
    expect(client.closed).toBeNull();
    expect(await countersOf(database, b)).toEqual({ counted: 0, stored: 0 });
    client.end();
  });

  test('realtime#29: a node killed mid-push: the rest comes on another', async () => {
    const [a, b] = await established();
    const client = await SocketClient.hello(url(1), b.key, ['ack']);
    const ids = await sendMany(a, b, 10, 'first');
    await client.untilMessages(5);
    await stack.kill(
      itemAt(
        stack.apis.filter((api) => api.isRunning()),
        1,
      ),
    );
    await client.untilClosed();
    for (let index = 0; index < 10; index += 1) ids.push(String((await send(url(), a, b, `second-${index}`)).body.id));
    const again = await SocketClient.hello(url(), b.key, ['ack']);
    await again.untilMessages(20);
    expect(idsOf(again)).toEqual(ids);
    again.end();
  });
});
