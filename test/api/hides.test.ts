import { countUndelivered } from '../../store/inbox/backlog';
import { callsOf, say, seqsOf, startTalk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { makeSenders } from '../support/traffic';
import { useStack } from '../support/use-stack';

describe('hiding messages', () => {
  const { database, url } = useStack({ workers: 0 });

  test('messaging#22: hidden messages do not shorten pages, with every cursor', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const sent = await say(url(), a, b, 18);
    const { history, hide, get } = callsOf(url(), b);
    // Of 1 to 20, in an order that makes ranges grow, merge and stand alone.
    const hidden = [20, 18, 19, 3, 5, 4, 10, 12, 11, 8, 15];
    const idOf = new Map((await history(conversationId)).map(({ id, seq }) => [seq, id]));
    for (const seq of hidden) expect((await hide(String(idOf.get(seq)))).status).toBe(200);
    expect(seqsOf(await history(conversationId, '?limit=4'))).toEqual([17, 16, 14, 13]);
    expect(seqsOf(await history(conversationId, '?limit=4&before_seq=14'))).toEqual([13, 9, 7, 6]);
    expect(seqsOf(await history(conversationId, '?limit=4&after_seq=2'))).toEqual([6, 7, 9, 13]);
    expect(seqsOf(await history(conversationId, '?limit=3&after_seq=14'))).toEqual([16, 17]);
    expect(seqsOf(await history(conversationId))).toEqual([17, 16, 14, 13, 9, 7, 6, 2, 1]);
    expect(seqsOf(await history(conversationId, `?around_message_id=${String(idOf.get(13))}&limit=2`))).toEqual([
      13, 9,
    ]);
    const gone = await get(`/v1/messages/${conversationId}?around_message_id=${String(idOf.get(11))}`);
    expect([gone.status, gone.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    expect(await callsOf(url(), a).history(conversationId)).toHaveLength(20);
    expect(sent).toHaveLength(18);
    await expectExactCounters(database, b, [conversationId]);
  });

  test('messaging#26: hiding a stored message takes it out of sync and backlog; its sender sees no change', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [kept, hidden] = await say(url(), a, b, 2);
    const before = await countUndelivered(database, b.id);
    const { hide, sync, history } = callsOf(url(), b);
    const answer = await hide(String(hidden?.id));
    expect([answer.status, typeof answer.body['message']]).toEqual([200, 'string']);
    expect((await hide(String(hidden?.id))).status).toBe(200);
    expect(await countUndelivered(database, b.id)).toBe(before - 1);
    expect((await sync()).map(({ id }) => id)).not.toContain(hidden?.id);
    expect(seqsOf(await history(conversationId))).toEqual([3, 2, 1]);
    const [seen] = await callsOf(url(), a).history(conversationId, '?limit=1');
    expect(seen).toMatchObject({ id: hidden?.id, status: 'delivered', read_at: null });
    expect(seqsOf(await callsOf(url(), a).history(conversationId))).toEqual([4, 3, 2, 1]);
    expect(kept?.seq).toBe(3);
    await expectExactCounters(database, b, [conversationId]);
  });

  test('the sender may hide its own message, a stranger none; unknown ids look the same', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [message] = await say(url(), a, b);
    const [stranger] = await makeSenders(database, 1);
    for (const [agent, id] of [
      [stranger, message?.id],
      [b, 'msg_unknownunknown00'],
    ] as const) {
      const answer = await callsOf(url(), agent).hide(String(id));
      expect([answer.status, answer.body.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
    }
    expect((await callsOf(url(), a).hide(String(message?.id))).status).toBe(200);
    expect(seqsOf(await callsOf(url(), a).history(conversationId))).toEqual([2, 1]);
    expect(seqsOf(await callsOf(url(), b).history(conversationId))).toEqual([3, 2, 1]);
  });

  test('a hidden message can still be read by its id: it counts nowhere, and stays hidden', async () => {
    const { a, b, conversationId } = await startTalk(database, url());
    const [message] = await say(url(), a, b);
    const { hide, read, history } = callsOf(url(), b);
    await hide(String(message?.id));
    expect((await read(String(message?.id))).body).toMatchObject({ status: 'read', ok: true });
    expect(seqsOf(await history(conversationId))).toEqual([2, 1]);
    await expectExactCounters(database, b, [conversationId]);
  });
});
