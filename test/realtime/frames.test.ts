import { createOrders } from '../../store/nodes/orders';
import { setPause } from '../../store/accounts/set-pause';
import { removeBlock, setBlock } from '../../store/contacts/relations';
import { createLogger } from '../../platform/logger';
import { useStack } from '../support/use-stack';
import { makeSenders, send, type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient, type Frame } from './socket-client';

describe('frames that nobody stores', () => {
  const { database, url } = useStack({ apis: 2, workers: 0, env: { RATE_LIMITS: 'on' } });

  const open = (who: Sender, node = 0) => SocketClient.hello(url(node), who.key, ['ack']);
  const ofType = (client: SocketClient, type: string): Frame[] => client.frames.filter((frame) => frame.type === type);
  const settled = (client: SocketClient) => client.roundTrip();

  /** Resolves when typing frames that the client sent before have been looked up: three look-ups later they are. */
  async function lookedUp(client: SocketClient): Promise<void> {
    for (let index = 0; index < 3; index += 1) {
      const ref = `probe-${Math.random()}`;
      client.send({ type: 'typing.start', id: ref, payload: { conversation_id: `conv_${ref}` } });
      await waitFor(() => ofType(client, 'error').some(({ payload }) => payload?.ref === ref));
    }
  }

  async function conversation(): Promise<[Sender, Sender, string]> {
    const [a, b] = await makeSenders(database, 2);
    const { body } = await send(url(), b, a, 'open');
    await send(url(), a, b, 'reply');
    return [a, b, String(body.conversation_id)];
  }

  test('typing reaches the other side on every node, start before stop, and nobody else', async () => {
    const [a, b, conversation_id] = await conversation();
    const typist = await open(a);
    const peers = [await open(b, 0), await open(b, 1)];
    typist.send({ type: 'typing.start', payload: { conversation_id } });
    typist.send({ type: 'typing.stop', payload: { conversation_id } });
    const payload = { conversation_id, sender: a.handle };
    for (const peer of peers) {
      await waitFor(() => ofType(peer, 'typing.stop').length === 1);
      expect(peer.frames.filter(({ type }) => type.startsWith('typing.'))).toEqual([
        { type: 'typing.start', payload },
        { type: 'typing.stop', payload },
      ]);
    }
    await settled(typist);
    expect(typist.frames.filter(({ type }) => type.startsWith('typing.') || type === 'error')).toEqual([]);
    for (const client of [typist, ...peers]) client.end();
  });

  test('realtime#24: typing by a non-member is an error, and nothing is relayed', async () => {
    const [a, b, conversation_id] = await conversation();
    const [stranger] = await makeSenders(database, 1);
    const [outside, peer] = [await open(stranger), await open(b)];
    const unknown = ['conv_unknownunknown1', 'grp_unknownunknown1', conversation_id];
    for (const id of unknown)
      outside.send({ type: 'typing.start', id: `about ${id}`, payload: { conversation_id: id } });
    const errors = await waitFor(() => (ofType(outside, 'error').length === 3 ? ofType(outside, 'error') : null));
    expect(new Set(errors.map(({ payload }) => payload?.code))).toEqual(new Set(['CONVERSATION_NOT_FOUND']));
    expect(new Set(errors.map(({ payload }) => payload?.ref))).toEqual(new Set(unknown.map((id) => `about ${id}`)));
    // A frame of a member comes later than one of the stranger would have.
    const typist = await open(a);
    typist.send({ type: 'typing.stop', payload: { conversation_id } });
    await waitFor(() => ofType(peer, 'typing.stop').length === 1);
    expect(ofType(peer, 'typing.start')).toEqual([]);
    for (const client of [outside, peer, typist]) client.end();
  });

  test('typing is relayed once in two seconds per conversation and type; more is told once', async () => {
    const [a, b, conversation_id] = await conversation();
    const [typist, peer] = [await open(a), await open(b)];
    for (let index = 0; index < 20; index += 1) {
      typist.send({ type: 'typing.start', id: `f-${index}`, payload: { conversation_id } });
    }
    typist.send({ type: 'typing.stop', payload: { conversation_id } });
    await waitFor(() => ofType(peer, 'typing.stop').length === 1);
    expect(ofType(peer, 'typing.start')).toHaveLength(1);
    await settled(typist);
    expect(ofType(typist, 'error')).toEqual([
      { type: 'error', payload: { code: 'RATE_LIMITED', message: expect.any(String), ref: 'f-1' } },
    ]);
    for (const client of [typist, peer]) client.end();
  });

  test('realtime#22: no typing is relayed between two of whom one blocks the other', async () => {
    const [a, b, conversation_id] = await conversation();
    await setBlock(database, { from: a.id, to: b.id, at: new Date() });
    const [one, two] = [await open(a), await open(b, 1)];
    for (const client of [one, two]) {
      client.send({ type: 'typing.start', id: 'blocked', payload: { conversation_id } });
      await lookedUp(client);
      expect(ofType(client, 'error').map(({ payload }) => payload?.ref)).not.toContain('blocked');
    }
    await removeBlock(database, { from: a.id, to: b.id, at: new Date() });
    for (const client of [one, two]) client.send({ type: 'typing.stop', payload: { conversation_id } });
    for (const client of [one, two]) {
      await waitFor(() => ofType(client, 'typing.stop').length === 1);
      expect(ofType(client, 'typing.start')).toEqual([]);
      client.end();
    }
  });

  test.each(['send', 'full'] as const)('an agent paused with %s types to nobody, and is not told so', async (mode) => {
    const [a, b, conversation_id] = await conversation();
    const [typist, peer] = [await open(a), await open(b)];
    await setPause(database, a.id, mode, new Date());
    await createOrders({ database, log: createLogger('test', 'silent') }).give({ kind: 'recheck', agentId: a.id });
    typist.send({ type: 'typing.start', id: 'paused', payload: { conversation_id } });
    await lookedUp(typist);
    await setPause(database, a.id, 'none', new Date());
    typist.send({ type: 'typing.stop', payload: { conversation_id } });
    await waitFor(() => ofType(peer, 'typing.stop').length === 1);
    expect(ofType(peer, 'typing.start')).toEqual([]);
    expect(ofType(typist, 'error').map(({ payload }) => payload?.ref)).not.toContain('paused');
    for (const client of [typist, peer]) client.end();
  });

  test('wrong types in every field are told as VALIDATION_ERROR, the socket stays', async () => {
    const [a] = await conversation();
    const client = await open(a);
    const wrong = [undefined, null, 7, 'text', [], {}, { conversation_id: 7 }, { conversation_id: '' }];
    wrong.forEach((payload, index) => client.send({ type: 'typing.start', id: `t-${index}`, payload }));
    await waitFor(() => ofType(client, 'error').length === wrong.length);
    expect(ofType(client, 'error').map(({ payload }) => [payload?.code, payload?.ref])).toEqual(
      wrong.map((_, index) => ['VALIDATION_ERROR', `t-${index}`]),
    );
    await settled(client);
    expect(client.closed).toBeNull();
    client.end();
  });

  test('realtime.md §3.8: a presence frame that PUT would refuse is told so; the socket stays', async () => {
    const [a] = await conversation();
    const client = await open(a);
    const wrong = [
      undefined,
      [],
      {},
      { status: 'away' },
      { status: 7 },
      { status: 'busy', custom_message: 'x'.repeat(201) },
      { status: 'busy', custom_message: 7 },
      { status: 'busy', custom_status: 'x'.repeat(201) },
    ];
    wrong.forEach((payload, index) => client.send({ type: 'presence.update', id: `p-${index}`, payload }));
    client.send({ type: 'presence.update', id: 'right', payload: { status: 'busy', custom_message: 'x'.repeat(200) } });
    await settled(client);
    expect(ofType(client, 'error').map(({ payload }) => [payload?.code, payload?.ref])).toEqual(
      wrong.map((_, index) => ['VALIDATION_ERROR', `p-${index}`]),
    );
    expect(client.closed).toBeNull();
    await waitFor(async () => (await database.presences.findOne({ _id: a.id }))?.override?.status === 'busy');
    client.end();
  });

  test('realtime.md §4: a flood of hellos on an open socket is answered 30 times, told once, and dropped', async () => {
    const [a] = await conversation();
    const [client, other] = [await open(a), await open(a)];
    const hello = { type: 'hello', api_key: a.key, capabilities: ['ack'] };
    for (let index = 0; index < 200; index += 1) client.send({ ...hello, id: `h-${index}` });
    await settled(client);
    // The sockets of an agent share the limit, as they do for other frames.
    other.send(hello);
    await settled(other);
    await waitFor(() => ofType(client, 'hello.ok').length >= 1 + 30);
    expect(ofType(client, 'error').map(({ payload }) => [payload?.code, payload?.ref])).toEqual([
      ['RATE_LIMITED', 'h-30'],
    ]);
    // Look-ups later nothing of the flood is still on its way.
    for (const each of [client, other]) await lookedUp(each);
    expect(ofType(other, 'hello.ok')).toHaveLength(1);
    expect(ofType(client, 'hello.ok')).toHaveLength(1 + 30);
    expect(client.closed).toBeNull();
    for (const each of [client, other]) each.end();
  });

  test("rate_limit.warning comes at four fifths of a second's sends, once a minute over all nodes", async () => {
    const [a, b] = await conversation();
    const eyes = [await open(a, 0), await open(a, 1)];
    // 60 within one second, however slow the machine is: the second of the last one counts.
    const fill = async (round: number) => {
      await Promise.all(Array.from({ length: 60 }, (_, index) => send(url(index % 2), a, b, `fill-${round}-${index}`)));
      return eyes.some((eye) => ofType(eye, 'rate_limit.warning').length > 0);
    };
    let round = 0;
    await waitFor(() => fill((round += 1)), { intervalMs: 50 });
    for (const eye of eyes) {
      await waitFor(() => ofType(eye, 'rate_limit.warning').length === 1);
      expect(ofType(eye, 'rate_limit.warning')[0]?.payload).toMatchObject({
        endpoint: '/v1/messages',
        limit: 60,
        remaining: expect.any(Number),
        reset_at: expect.stringMatching(/^\d{4}-.*\.000Z$/),
        message: expect.any(String),
      });
    }
    await fill((round += 1));
    for (const eye of eyes) {
      await settled(eye);
      expect(ofType(eye, 'rate_limit.warning')).toHaveLength(1);
      eye.end();
    }
  });

  test('rate_limit.warning: at four fifths of the cold conversations that may be open', async () => {
    const [a] = await conversation();
    const strangers = await makeSenders(database, 2);
    const openers = Array.from({ length: 78 }, (_, index) => ({ pairId: `pair:x:${index}`, openedAt: new Date() }));
    await database.guards.updateOne({ _id: `sender:${a.id}` }, { $set: { coldOpeners: openers }, $inc: { v: 1 } });
    const eye = await open(a, 1);
    for (const [index, stranger] of strangers.entries()) {
      expect((await send(url(), a, stranger, `cold-${index}`)).status).toBe(201);
      await settled(eye);
    }
    await waitFor(() => ofType(eye, 'rate_limit.warning').length === 1);
    expect(ofType(eye, 'rate_limit.warning')[0]?.payload).toMatchObject({ limit: 100, remaining: 20 });
    eye.end();
  });
});
