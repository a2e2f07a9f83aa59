import fc from 'fast-check';
import { countersOf } from '../support/backlog';
import { startTalk, type Talk } from '../support/conversations';
import { send } from '../support/traffic';
import { SocketClient } from './socket-client';
import { useStack } from '../support/use-stack';

const TYPES = [
  'ack',
  'message.read_ack',
  'presence.update',
  'typing.start',
  'typing.stop',
  'message.send',
  'ping',
  'x',
];

/** Frames with anything in every field that the server looks at, `hello` left out: it may end a socket rightly. */
const anyFrame = fc.record(
  {
    type: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...TYPES) }, { weight: 1, arbitrary: fc.jsonValue() }),
    id: fc.jsonValue(),
    message_id: fc.jsonValue(),
    payload: fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          conversation_id: fc.jsonValue(),
          through_seq: fc.jsonValue(),
          status: fc.oneof(fc.constantFrom('online', 'busy', 'offline'), fc.jsonValue()),
          custom_message: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: ['type'] },
);

describe('frames that nobody should send', () => {
  let talk: Talk;

  const { database, url } = useStack({ workers: 0 });

  beforeAll(async () => {
    talk = await startTalk(database, url());
  });

  test('whatever is in the fields of a frame: the socket stays, answers come, nothing stored is touched', async () => {
    const { a, b } = talk;
    const other = await SocketClient.hello(url(), a.key, ['ack']);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            anyFrame.filter(({ type }) => type !== 'hello').map((frame) => JSON.stringify(frame)),
            fc.string({ maxLength: 200 }),
            fc.json(),
          ),
          { minLength: 1, maxLength: 30 },
        ),
        async (frames) => {
          const client = await SocketClient.hello(url(), b.key, ['ack']);
          const before = await countersOf(database, b);
          for (const frame of frames) client.send(frame);
          await client.roundTrip();
          expect(client.closed).toBeNull();
          for (const { type } of client.frames)
            expect(['hello.ok', 'message.new', 'error', 'pong', 'presence.update']).toContain(type);
          expect(await countersOf(database, b)).toEqual(before);
          client.end();
          const { body } = await send(url(), b, a, `still-${(round += 1)}`);
          await other.untilMessages(1);
          expect(body.id).toBeDefined();
        },
      ),
      { numRuns: 25 },
    );
    await other.untilMessages(round);
    expect(other.closed).toBeNull();
    other.end();
  });

  test('a first frame of anything but hello ends with 1008, never with a crash', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          anyFrame.filter(({ type }) => type !== 'hello').map((frame) => JSON.stringify(frame)),
          fc.string({ maxLength: 200 }),
          fc.jsonValue().map((api_key) => JSON.stringify({ type: 'hello', api_key })),
          fc.jsonValue().map((capabilities) => JSON.stringify({ type: 'hello', api_key: 'ac_live_x', capabilities })),
        ),
        async (frame) => {
          const client = await SocketClient.open(url());
          client.send(frame);
          expect((await client.untilClosed()).code).toBe(1008);
          expect(client.frames).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
    expect((await fetch(`${url()}/v1/health`)).status).toBe(200);
  });

  test('a socket that sends too much before hello, or no UTF-8, or half a frame, ends alone', async () => {
    const { a, b } = talk;
    const other = await SocketClient.hello(url(), a.key, ['ack']);
    const early = await SocketClient.open(url());
    early.send(JSON.stringify({ type: 'hello', api_key: 'x'.repeat(9_000) }));
    expect(await early.untilClosed()).toEqual({ code: 1009, reason: 'Frame too large' });
    const huge = await SocketClient.hello(url(), b.key, ['ack']);
    huge.send('x'.repeat(300_000));
    expect(await huge.untilClosed()).toEqual({ code: 1009, reason: 'Frame too large' });
    const broken = await SocketClient.hello(url(), b.key, ['ack']);
    broken.socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false });
    expect((await broken.untilClosed()).code).toBe(1007);
    const half = await SocketClient.hello(url(), b.key, ['ack']);
    half.socket.send('{"type":"pi', { fin: false });
    half.end();
    await send(url(), b, a, 'after the storm');
    await other.untilMessages(1);
    await other.roundTrip();
    expect(other.closed).toBeNull();
    other.end();
  });

  test('a frame other than hello before hello.ok ends the socket; a second hello is answered after the first', async () => {
    const { b } = talk;
    const eager = await SocketClient.open(url());
    eager.send({ type: 'hello', api_key: b.key });
    eager.send({ type: 'typing.start', payload: { conversation_id: talk.conversationId } });
    expect(await eager.untilClosed()).toEqual({ code: 1008, reason: 'HELLO frame required first' });
    const twice = await SocketClient.open(url());
    twice.send({ type: 'hello', api_key: b.key });
    twice.send({ type: 'hello', api_key: b.key, capabilities: ['ack'] });
    await twice.untilMessages(1);
    await twice.roundTrip();
    expect(twice.frames.filter(({ type }) => type === 'hello.ok')).toEqual([
      { type: 'hello.ok' },
      { type: 'hello.ok', capabilities: ['ack'] },
    ]);
    const stranger = talk.a;
    twice.send({ type: 'hello', api_key: stranger.key });
    expect(await twice.untilClosed()).toEqual({ code: 1008, reason: 'Invalid token' });
  });
});
