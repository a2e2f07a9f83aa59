import { markReadThrough } from '../../store/conversations/read-messages';
import { callsOf, say, startTalk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { useStack } from '../support/use-stack';
import { countWebhook } from '../support/webhooks';

/** What would go unseen otherwise: a counter that two writers step for one envelope, a range that two hides both made. */
describe('a reader who reads, acks and hides on two processes while the other side sends', () => {
  const SENDS = 60;
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const urlFor = (index: number): string => url(index % 2);

  test('messaging#25, messaging#26: counters equal rows, and nobody is told twice that one message was read', async () => {
    const { a, b, conversationId } = await startTalk(database, urlFor(0));
    await countWebhook(database, a.id, 1);
    const sent = (await say(urlFor(0), a, b)).map(({ id }) => id);
    let isSending = true;
    const sending = (async () => {
      for (let index = 0; index < SENDS; index += 1) sent.push(...(await say(urlFor(index), a, b)).map(({ id }) => id));
      isSending = false;
    })();
    /** Repeats `work` with a growing counter until all is sent, then once more. */
    const busy = async (work: (turn: number) => Promise<unknown>) => {
      for (let turn = 0; ; turn += 1) {
        const wasSending = isSending;
        await work(turn);
        if (!wasSending) return;
      }
    };
    const newest = (back: number) => sent[Math.max(0, sent.length - 1 - back)] ?? '';
    const failures: unknown[] = [];
    const expectOk = async (answer: Promise<{ status: number; body: unknown }>) => {
      const { status, body } = await answer;
      if (status !== 200) failures.push(body);
    };
    await Promise.all([
      sending,
      // The same message on both processes at once: one of the two is the first.
      busy((turn) => Promise.all([0, 1].map((node) => expectOk(callsOf(urlFor(node), b).read(newest(turn % 3)))))),
      busy((turn) =>
        Promise.all([0, 1].map((node) => expectOk(callsOf(urlFor(node), b).hide(newest((turn * 2 + node) % 7))))),
      ),
      busy(async (turn) => {
        const calls = callsOf(urlFor(turn), b);
        const rows = await calls.sync('?limit=5');
        if (rows.length > 0) await expectOk(calls.ack(rows.at(-1)?.['delivery_id']));
      }),
      busy((turn) =>
        turn % 4 === 3
          ? markReadThrough(database, { _id: b.id, handle: b.handle }, { conversationId, throughSeq: turn }, new Date())
          : Promise.resolve(),
      ),
      busy((turn) =>
        turn % 10 === 9
          ? expectOk(callsOf(urlFor(turn), b).hideConversation(conversationId))
          : callsOf(urlFor(turn), b).conversations(),
      ),
    ]);
    expect(failures).toEqual([]);
    await expectExactCounters(database, b, [conversationId]);
    await expectExactCounters(database, a, [conversationId]);
    const told = await database.outbox.find({ kind: 'message.read', targetId: a.id }).toArray();
    const ids = told.flatMap((row) => (row.kind === 'message.read' ? [row.messageId] : []));
    expect(new Set(ids).size).toBe(ids.length);
    expect(await database.envelopes.countDocuments({ recipientId: b.id, status: 'read' })).toBeGreaterThan(0);
    const ranges = await database.hiddenRanges.find({ agentId: b.id, conversationId }).sort({ from: 1 }).toArray();
    expect(ranges.length).toBeGreaterThan(0);
    for (const [index, { from, to }] of ranges.entries()) {
      expect(to).toBeGreaterThanOrEqual(from);
      expect(from).toBeGreaterThan((ranges[index - 1]?.to ?? -1) + 1);
    }
  });
});
