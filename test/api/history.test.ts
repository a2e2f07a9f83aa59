import { callsOf, say, seqsOf, startTalk } from '../support/conversations';
import { makeSenders } from '../support/traffic';
import { useStack } from '../support/use-stack';

describe('history of a direct conversation', () => {
  const { database, url } = useStack({ workers: 0 });

  test('messaging#20: newest first by default and before a seq, oldest first after one; own messages too', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    await say(url(), a, b, 4);
    for (const agent of [a, b]) {
      const { history } = callsOf(url(), agent);
      expect(seqsOf(await history(conversationId))).toEqual([6, 5, 4, 3, 2, 1]);
      expect(seqsOf(await history(conversationId, '?before_seq=4&limit=2'))).toEqual([3, 2]);
      expect(seqsOf(await history(conversationId, '?after_seq=2&limit=3'))).toEqual([3, 4, 5]);
      expect(seqsOf(await history(conversationId, '?after_seq=0'))).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await history(conversationId, '?after_seq=6')).toEqual([]);
      expect(await history(conversationId, '?before_seq=1')).toEqual([]);
      expect(await history(conversationId, '?after_seq=99999999999999999999')).toEqual([]);
    }
  });

  test('messaging#20: two cursors or a bad one are 400, limits are clamped into 1 to 200', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    await say(url(), a, b, 199);
    const { history, get } = callsOf(url(), b);
    const anchor = (await history(conversationId, '?limit=1'))[0]?.id;
    for (const query of [
      'before_seq=1&after_seq=1',
      `before_seq=5&around_message_id=${String(anchor)}`,
      `after_seq=5&around_message_id=${String(anchor)}`,
      'before_seq=-1',
      'after_seq=1.5',
      'after_seq=abc',
      'limit=abc',
      'limit=%20',
    ]) {
      const answer = await get(`/v1/messages/${conversationId}?${query}`);
      expect([query, answer.status, answer.body.code]).toEqual([query, 400, 'VALIDATION_ERROR']);
    }
    expect(await history(conversationId, '?limit=1000')).toHaveLength(200);
    expect(await history(conversationId, '?limit=0')).toHaveLength(1);
    expect(await history(conversationId, '?limit=-3')).toHaveLength(1);
    expect(await history(conversationId, '?limit=2.9')).toHaveLength(2);
    expect(await history(conversationId, '?limit=&before_seq=&after_seq=&around_message_id=')).toHaveLength(50);
  });

  test('around_message_id: that message is row 0; unknown ids and those of other conversations are 404', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [third] = await say(url(), a, b, 3);
    const other = await startTalk(database, url());
    const [foreign] = await say(url(), other.a, other.b);
    const { history, get } = callsOf(url(), b);
    const rows = await history(conversationId, `?around_message_id=${String(third?.id)}&limit=2`);
    expect(rows.map(({ id, seq }) => [id, seq])).toEqual([
      [third?.id, 3],
      [expect.any(String), 2],
    ]);
    for (const id of ['msg_unknownunknown00', foreign?.id, 'x']) {
      const answer = await get(`/v1/messages/${conversationId}?around_message_id=${String(id)}`);
      expect([answer.status, answer.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    }
  });

  test('both sides see the state of the recipient; only the recipient has a delivery id', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [sent] = await say(url(), a, b);
    const stored = { id: sent?.id, status: 'stored', delivered_at: null, read_at: null };
    expect((await callsOf(url(), a).history(conversationId, '?limit=1'))[0]).toMatchObject({
      ...stored,
      delivery_id: null,
    });
    const [row] = await callsOf(url(), b).history(conversationId, '?limit=1');
    const [pending] = (await callsOf(url(), b).sync()).slice(-1);
    expect(row).toMatchObject(stored);
    expect(row).toEqual(pending);
    await callsOf(url(), b).ack(row?.['delivery_id']);
    for (const agent of [a, b]) {
      const [after] = await callsOf(url(), agent).history(conversationId, '?limit=1');
      expect(after).toMatchObject({ status: 'delivered', delivered_at: expect.any(String) as string, read_at: null });
    }
  });

  test('a conversation of others is as unknown as one that never was', async () => {
    const { conversationId } = await startTalk(database, url());
    const [stranger] = await makeSenders(database, 1);
    const { get } = callsOf(url(), stranger);
    for (const id of [conversationId, 'conv_never', 'grp_never', 'x', '%00']) {
      const answer = await get(`/v1/messages/${id}`);
      expect([id, answer.status, answer.body.code]).toEqual([id, 404, 'CONVERSATION_NOT_FOUND']);
    }
  });

  test('reading history changes nothing and is allowed under a full pause', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    await say(url(), a, b);
    await database.agents.updateOne({ _id: b.id }, { $set: { pausedByOwner: 'full' } });
    const before = await database.envelopes.find({ recipientId: b.id }).toArray();
    expect(seqsOf(await callsOf(url(), b).history(conversationId))).toEqual([3, 2, 1]);
    expect(await database.envelopes.find({ recipientId: b.id }).toArray()).toEqual(before);
  });
});
