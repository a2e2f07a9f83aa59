import { countUndelivered } from '../../store/inbox/backlog';
import { setPause } from '../../store/accounts/set-pause';
import { setBlock } from '../../store/contacts/relations';
import { callsOf, say, startTalk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { useStack } from '../support/use-stack';
import { type Sender } from '../support/traffic';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

describe('read watermarks by frame', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const open = (who: { key: string }, node = 0) => SocketClient.hello(url(node), who.key, ['ack']);
  const of = (client: SocketClient, type: string) => client.frames.filter((frame) => frame.type === type);
  const errorsOf = (client: SocketClient) => of(client, 'error').map(({ payload }) => [payload?.code, payload?.ref]);
  let refs = 0;
  const readAck = (client: SocketClient, payload: unknown): string => {
    const id = `r-${(refs += 1)}`;
    client.send({ type: 'message.read_ack', id, payload });
    return id;
  };
  const untilUnread = (reader: Sender, conversationId: string, count: number) =>
    waitFor(
      async () =>
        (await database.envelopes.countDocuments({
          recipientId: reader.id,
          conversationId,
          status: { $ne: 'read' },
        })) === count,
    );

  test('reading delivers what was stored; larger than the newest seq means everything', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    await say(url(), a, b, 3);
    const [own, eye] = [await open(b), await open(a, 1)];
    readAck(own, { conversation_id: conversationId, through_seq: Number.MAX_SAFE_INTEGER });
    await waitFor(() => of(eye, 'message.read').length === 1);
    expect(of(eye, 'message.read')[0]?.payload).toMatchObject({ seq: 5, through_seq: 5 });
    expect(await countUndelivered(database, b.id)).toBe(0);
    const rows = await callsOf(url(), b).history(conversationId);
    expect(rows.filter(({ status }) => status !== 'read').map(({ seq }) => seq)).toEqual([2]);
    expect(await callsOf(url(), b).sync()).toEqual([]);
    await expectExactCounters(database, b, [conversationId]);
    for (const client of [own, eye]) client.end();
  });

  test('through_seq must be an integer from 0 on; strangers get the answer of an unknown conversation', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const { a: stranger } = await startTalk(database, url());
    const [own, outside] = [await open(b), await open(stranger)];
    const wrong = [-1, 1.5, '3', null, undefined, [], {}, Number.MAX_SAFE_INTEGER + 1].map((through_seq) =>
      readAck(own, { conversation_id: conversationId, through_seq }),
    );
    wrong.push(readAck(own, undefined), readAck(own, { through_seq: 1 }));
    await waitFor(() => errorsOf(own).length === wrong.length);
    expect(errorsOf(own)).toEqual(wrong.map((ref) => ['VALIDATION_ERROR', ref]));
    const refused = [conversationId, 'conv_unknownunknown1', 'grp_unknownunknown1', 'x'].map((conversation_id) =>
      readAck(outside, { conversation_id, through_seq: 1 }),
    );
    await waitFor(() => errorsOf(outside).length === refused.length);
    expect(errorsOf(outside)).toEqual(refused.map((ref) => ['CONVERSATION_NOT_FOUND', ref]));
    await untilUnread(b, conversationId, 1);
    for (const client of [own, outside]) client.end();
    expect(a.id).not.toBe(b.id);
  });

  test('more than 20 read acks in a second are dropped, and told once', async () => {
    const { b, conversationId } = await startTalk(database, url());
    const own = await open(b);
    const sent = Array.from({ length: 60 }, () => readAck(own, { conversation_id: conversationId, through_seq: 0 }));
    await own.roundTrip();
    expect(errorsOf(own)).toEqual([['RATE_LIMITED', sent[20]]]);
    expect(own.closed).toBeNull();
    own.end();
  });

  test('realtime#22: no read frame goes between two of whom one blocks the other; the read counts', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [own, eye] = [await open(b), await open(a)];
    await setBlock(database, { from: b.id, to: a.id, at: new Date() });
    readAck(own, { conversation_id: conversationId, through_seq: 1 });
    await untilUnread(b, conversationId, 0);
    const { a: other, b: reader, conversationId: control } = await startTalk(database, url());
    const [second, probe] = [await open(reader), await open(other)];
    readAck(second, { conversation_id: control, through_seq: 1 });
    await waitFor(() => of(probe, 'message.read').length === 1);
    await eye.roundTrip();
    expect(of(eye, 'message.read')).toEqual([]);
    for (const client of [own, eye, second, probe]) client.end();
  });

  test('a reader under full pause still confirms; a sender under full pause is not told', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const own = await open(b);
    for (const who of [a, b]) await setPause(database, who.id, 'full', new Date());
    const eye = await open(a);
    readAck(own, { conversation_id: conversationId, through_seq: 1 });
    await untilUnread(b, conversationId, 0);
    await eye.roundTrip();
    expect(of(eye, 'message.read')).toEqual([]);
    for (const client of [own, eye]) client.end();
  });
});
