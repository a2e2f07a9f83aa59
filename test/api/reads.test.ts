import { countUndelivered } from '../../store/inbox/backlog';
import { setPause } from '../../store/accounts/set-pause';
import { setBlock } from '../../store/contacts/relations';
import { SocketClient } from '../realtime/socket-client';
import { callsOf, say, startTalk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { useStack } from '../support/use-stack';
import { makeSenders, request, type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { countWebhook } from '../support/webhooks';

describe('marking messages as read', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const readsOf = (client: SocketClient) => client.frames.filter(({ type }) => type === 'message.read');

  /** Shows that everything told before has arrived: frames of one node come in order. */
  async function settled(from: Sender, to: Sender, client: SocketClient): Promise<void> {
    const [marker] = await say(url(), from, to);
    await waitFor(() => client.messages().some(({ id }) => id === marker?.id));
  }

  test('messaging#25: the first read tells the sender once and keeps its time; a repeat changes nothing', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [message] = await say(url(), a, b);
    // With acks of their own: without, a push on one node takes the marker away before the other node has read it.
    const open = (node: number) => SocketClient.hello(url(node), a.key, ['ack']);
    const [near, far] = [await open(0), await open(1)];
    const { read } = callsOf(url(), b);
    const first = await read(String(message?.id));
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({
      ok: true,
      id: message?.id,
      status: 'read',
      delivery_id: expect.stringMatching(/^del_[a-f0-9]{32}$/) as string,
    });
    expect(first.body['delivered_at']).toBe(first.body['read_at']);
    expect((await read(String(message?.id))).body).toEqual(first.body);
    for (const client of [near, far]) await waitFor(() => readsOf(client).length === 1);
    await settled(b, a, near);
    await settled(b, a, far);
    const frame = {
      type: 'message.read',
      payload: {
        message_id: message?.id,
        conversation_id: conversationId,
        seq: 3,
        through_seq: 0,
        read_by: b.handle,
        reader: b.handle,
        read_at: first.body['read_at'],
        at: first.body['read_at'],
      },
    };
    for (const client of [near, far]) {
      expect(readsOf(client)).toEqual([frame]);
      client.end();
    }
  });

  test('messaging#25: marking seq 5 leaves the ones before unread, and the watermark tells so', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const sent = await say(url(), a, b, 4);
    const client = await SocketClient.hello(url(1), a.key);
    const { read, history } = callsOf(url(), b);
    const byId = (await history(conversationId)).find(({ seq }) => seq === 1)?.id;
    const order = [sent[2], sent[0], { id: String(byId) }, sent[1], sent[3]];
    for (const row of order) await read(String(row?.id));
    await waitFor(() => readsOf(client).length === 5);
    // Read so far: 5; 5 3; 5 3 1; all to 5; all.
    expect(
      readsOf(client).map(({ payload }) => [payload?.seq, (payload as unknown as { through_seq: number }).through_seq]),
    ).toEqual([
      [5, 0],
      [3, 0],
      [1, 3],
      [4, 5],
      [6, 6],
    ]);
    await expectExactCounters(database, b, [conversationId]);
    client.end();
  });

  test('a message that one did not receive cannot be read: own, foreign, unknown look the same', async () => {
    const { a, b } = await startTalk(database, url());
    const [message] = await say(url(), a, b);
    const [stranger] = await makeSenders(database, 1);
    for (const [agent, id] of [
      [a, message?.id],
      [stranger, message?.id],
      [b, 'msg_unknownunknown00'],
      [b, '%00'],
    ] as const) {
      const answer = await callsOf(url(), agent).read(String(id));
      expect([answer.status, answer.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    }
  });

  test('a read of a stored message lowers the backlog by one, also under a full pause', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const sent = await say(url(), a, b, 3);
    await setPause(database, b.id, 'full', new Date());
    const before = await countUndelivered(database, b.id);
    const { read, sync } = callsOf(url(), b);
    expect((await read(String(sent[1]?.id))).status).toBe(200);
    expect(await countUndelivered(database, b.id)).toBe(before - 1);
    await setPause(database, b.id, 'none', new Date());
    expect((await sync()).map(({ seq }) => seq)).toEqual([1, 3, 5]);
    await expectExactCounters(database, b, [conversationId]);
  });

  test('a blocked sender is told nothing, neither by frame nor by webhook; another is told by both', async () => {
    const { a, b } = await startTalk(database, url());
    const [one, two] = await say(url(), a, b, 2);
    await countWebhook(database, a.id, 1);
    const client = await SocketClient.hello(url(), a.key);
    await callsOf(url(), b).read(String(one?.id));
    await setBlock(database, { from: a.id, to: b.id, at: new Date() });
    await callsOf(url(), b).read(String(two?.id));
    await waitFor(() => readsOf(client).length === 1);
    const rows = await database.outbox.find({ kind: 'message.read', targetId: a.id }).toArray();
    expect(rows).toMatchObject([{ readerId: b.id, messageId: one?.id, seq: 3 }]);
    expect(readsOf(client)).toHaveLength(1);
    client.end();
  });

  test('a fully paused sender gets neither frame nor webhook', async () => {
    const { a, b } = await startTalk(database, url());
    const [one] = await say(url(), a, b);
    await countWebhook(database, a.id, 1);
    const client = await SocketClient.hello(url(), a.key);
    await setPause(database, a.id, 'full', new Date());
    client.end();
    const paused = await SocketClient.hello(url(), a.key);
    await callsOf(url(), b).read(String(one?.id));
    expect(await database.outbox.countDocuments({ kind: 'message.read', targetId: a.id })).toBe(0);
    await setPause(database, a.id, 'none', new Date());
    await settled(b, a, paused);
    expect(readsOf(paused)).toEqual([]);
    paused.end();
  });

  test('Idempotency-Key replays the answer of a read', async () => {
    const { a, b } = await startTalk(database, url());
    const [one] = await say(url(), a, b);
    const call = () =>
      fetch(`${url()}/v1/messages/${String(one?.id)}/read`, {
        method: 'POST',
        headers: { authorization: `Bearer ${b.key}`, 'idempotency-key': 'read-once' },
      });
    const first = await call();
    const second = await call();
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.headers.get('idempotent-replay')).toBe('true');
    expect(await second.text()).toBe(await first.text());
  });

  test('an unknown route below a message is 404 and a wrong method does not read', async () => {
    const { a, b } = await startTalk(database, url());
    const [one] = await say(url(), a, b);
    const answer = await request(`${url()}/v1/messages/${String(one?.id)}/read`, b.key, 'DELETE');
    expect(answer.status).toBe(404);
  });
});
