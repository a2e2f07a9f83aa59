import { setStatus } from '../../store/accounts/account-facts';
import { makeSenders } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';
import { useStack } from '../support/use-stack';
import { useEach } from '../support/use';

describe('opening a socket', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const agent = useEach(async () => (await makeSenders(database, 1))[0]);

  test('realtime#1: five seconds without a frame end it', async () => {
    const client = await SocketClient.open(url());
    expect(await client.untilClosed()).toEqual({ code: 1008, reason: 'HELLO frame required' });
  });

  test.each(['{}', 'not json', '{"type":"typing.start"}', '{"type":"hello","api_key":5}', '[]'])(
    'realtime#2: a first frame %s ends it',
    async (frame) => {
      const client = await SocketClient.open(url());
      client.send(frame);
      expect(await client.untilClosed()).toEqual({ code: 1008, reason: 'HELLO frame required first' });
      expect(client.frames).toEqual([]);
    },
  );

  test('realtime#3: a wrong key ends it by HELLO and is refused with 401 by header', async () => {
    const byHello = await SocketClient.hello(url(), 'ac_live_wrong');
    expect(byHello.closed).toEqual({ code: 1008, reason: 'Invalid token' });
    const byHeader = await SocketClient.open(url(), '/v1/ws', { authorization: 'Bearer ac_live_wrong' });
    const refused = await waitFor(() => byHeader.refused);
    expect(refused.status).toBe(401);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  test('a suspended agent is refused on both ways in', async () => {
    await setStatus(database, agent.id, 'suspended', new Date());
    expect((await SocketClient.hello(url(), agent.key)).closed).toEqual({ code: 1008, reason: 'Account suspended' });
    const byHeader = await SocketClient.open(url(), '/v1/ws', { authorization: `Bearer ${agent.key}` });
    expect(await waitFor(() => byHeader.refused)).toMatchObject({ status: 403 });
  });

  test('realtime#5: capabilities are answered only to clients that ask', async () => {
    const plain = await SocketClient.hello(url(), agent.key);
    expect(plain.frames[0]).toEqual({ type: 'hello.ok' });
    const modern = await SocketClient.hello(url(), agent.key, ['ack', 'unheard-of']);
    expect(modern.frames[0]).toEqual({ type: 'hello.ok', capabilities: ['ack'] });
    const header = { authorization: `Bearer ${agent.key}`, 'x-agentchat-capabilities': 'ack' };
    const byHeader = await SocketClient.open(url(), '//v1/ws', header);
    await waitFor(() => byHeader.frames[0]);
    expect(byHeader.frames[0]).toEqual({ type: 'hello.ok', capabilities: ['ack'] });
    for (const client of [plain, modern, byHeader]) client.end();
  });

  test('realtime#16: the eleventh socket is refused before hello.ok, the ten stay', async () => {
    const ten = await Promise.all(Array.from({ length: 10 }, () => SocketClient.hello(url(), agent.key)));
    expect(ten.every((client) => client.frames[0]?.type === 'hello.ok')).toBe(true);
    const eleventh = await SocketClient.hello(url(), agent.key);
    expect(eleventh.closed).toEqual({ code: 1013, reason: 'Too many connections' });
    expect(eleventh.frames).toEqual([]);
    expect(ten.every((client) => client.closed === null)).toBe(true);
    for (const client of ten) client.end();
  });

  test('an operator may set another cap than ten: SOCKETS_PER_AGENT', async () => {
    const node = await stack.startApi({ SOCKETS_PER_AGENT: '2' });
    const two = await Promise.all(Array.from({ length: 2 }, () => SocketClient.hello(node.baseUrl, agent.key)));
    expect(two.map((client) => client.closed)).toEqual([null, null]);
    const third = await SocketClient.hello(node.baseUrl, agent.key);
    expect(third.closed).toEqual({ code: 1013, reason: 'Too many connections' });
    for (const client of two) client.end();
  });

  test('realtime#25: a 70 KiB frame and a binary frame end it', async () => {
    const large = await SocketClient.hello(url(), agent.key);
    large.send(JSON.stringify({ type: 'x', fill: 'x'.repeat(70 * 1024) }));
    expect(await large.untilClosed()).toEqual({ code: 1009, reason: 'Frame too large' });
    const binary = await SocketClient.hello(url(), agent.key);
    binary.socket.send(Buffer.from([1, 2, 3]));
    expect(await binary.untilClosed()).toEqual({ code: 1003, reason: 'Text frames only' });
  });

  test('ping is answered, message.send is not supported, other frames are ignored', async () => {
    const client = await SocketClient.hello(url(), agent.key);
    for (const frame of ['not json', '{"type":"unheard-of"}', '{"type":"message.send","id":"7"}', '{"type":"ping"}']) {
      client.send(frame);
    }
    await waitFor(() => client.frames.some((frame) => frame.type === 'pong'));
    expect(client.frames.slice(1)).toEqual([
      { type: 'error', payload: { code: 'UNSUPPORTED_ACTION', message: expect.any(String), ref: '7' } },
      { type: 'pong' },
    ]);
    client.end();
  });

  test('realtime#18: a key that was rotated since does not keep its socket', async () => {
    const client = await SocketClient.hello(url(), agent.key);
    await database.agents.updateOne(
      { _id: agent.id },
      { $inc: { keyVersion: 1 }, $set: { apiKeyHash: `new-${agent.id}` } },
    );
    expect(await client.untilClosed()).toEqual({ code: 1008, reason: 'API key rotated' });
  });

  test('a plain GET is told to upgrade, an unknown socket path is 404', async () => {
    const response = await fetch(`${url()}/v1/ws`);
    expect([response.status, await response.json()]).toMatchObject([426, { code: 'VALIDATION_ERROR' }]);
    const elsewhere = await SocketClient.open(url(), '/v1/elsewhere');
    expect(await waitFor(() => elsewhere.refused)).toMatchObject({ status: 404 });
  });
});
