import fc from 'fast-check';
import { markReadThrough } from '../../store/conversations/read-messages';
import { callsOf, say, seqsOf, startTalk, type Talk } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { useStack } from '../support/use-stack';
import { type Sender } from '../support/traffic';

type Side = 'a' | 'b';

/** What a direct conversation should be, kept as simply as can be: a list of messages. */
interface ModelMessage {
  id: string;
  seq: number;
  from: Side;
  status: 'stored' | 'delivered' | 'read';
  hiddenBy: Set<Side>;
}

class Model {
  readonly messages: ModelMessage[] = [];
  readonly hiddenUpTo = { a: 0, b: 0 };

  get lastSeq(): number {
    return this.messages.length;
  }
  received = (side: Side) => this.messages.filter(({ from }) => from !== side);
  visible = (side: Side) =>
    this.messages.filter(({ seq, hiddenBy }) => seq > this.hiddenUpTo[side] && !hiddenBy.has(side));
  stored = (side: Side) => this.received(side).filter(({ status }) => status === 'stored');
  unread = (side: Side) => this.visible(side).filter(({ from, status }) => from !== side && status !== 'read');
  /** How far the messages that `side` received are read without a gap. */
  throughSeq(side: Side): number {
    const received = this.received(side);
    const gap = received.findIndex(({ status }) => status !== 'read');
    return (gap === -1 ? received.at(-1) : received[gap - 1])?.seq ?? 0;
  }
}

type Step = { side: Side; node: number; pick: number } & (
  { kind: 'send' | 'ack' | 'read' | 'readThrough' | 'hide' } | { kind: 'hideConversation' }
);

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant('send' as const) },
    { weight: 6, arbitrary: fc.constantFrom('ack', 'read', 'hide') },
    { weight: 1, arbitrary: fc.constantFrom('readThrough', 'hideConversation') },
  ),
  side: fc.constantFrom('a', 'b'),
  node: fc.constantFrom(0, 1),
  pick: fc.nat(1_000),
});

describe('any order of sends, acks, reads and hides by both sides of a conversation, on two processes', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  async function take(talk: Talk, model: Model, { kind, side, node, pick }: Step): Promise<void> {
    const [self, other] = side === 'a' ? [talk.a, talk.b] : [talk.b, talk.a];
    const calls = callsOf(url(node), self);
    const chosen = model.messages[pick % model.lastSeq];
    if (chosen === undefined) throw new Error('a conversation begins with two messages');
    switch (kind) {
      case 'send': {
        const [row] = await say(url(node), self, other);
        const { id = '', seq = 0 } = row ?? {};
        model.messages.push({ id, seq, from: side, status: 'stored', hiddenBy: new Set() });
        return;
      }
      case 'ack': {
        const stored = model.stored(side);
        const rows = await calls.sync();
        expect(rows.map(({ id }) => id)).toEqual(stored.map(({ id }) => id));
        const upTo = stored.length === 0 ? 0 : (pick % stored.length) + 1;
        if (upTo === 0) return;
        expect((await calls.ack(rows[upTo - 1]?.['delivery_id'])).body).toEqual({ acked: upTo });
        for (const message of stored.slice(0, upTo)) message.status = 'delivered';
        return;
      }
      case 'read': {
        const answer = await calls.read(chosen.id);
        expect(answer.status).toBe(chosen.from === side ? 404 : 200);
        if (chosen.from !== side) chosen.status = 'read';
        return;
      }
      case 'readThrough':
        return readThrough(talk, model, side, chosen.seq);
      case 'hide': {
        expect((await calls.hide(chosen.id)).status).toBe(200);
        chosen.hiddenBy.add(side);
        if (chosen.from !== side && chosen.status === 'stored') chosen.status = 'delivered';
        return;
      }
      case 'hideConversation':
        expect((await calls.hideConversation(talk.conversationId)).status).toBe(200);
        model.hiddenUpTo[side] = model.lastSeq;
    }
  }

  async function readThrough(talk: Talk, model: Model, side: Side, throughSeq: number): Promise<void> {
    const [self, other] = side === 'a' ? [talk.a, talk.b] : [talk.b, talk.a];
    const { conversationId } = talk;
    const reader = { _id: self.id, handle: self.handle };
    const receipts = await markReadThrough(database, reader, { conversationId, throughSeq }, new Date());
    const fresh = model.received(side).filter(({ seq, status }) => seq <= throughSeq && status !== 'read');
    for (const message of fresh) message.status = 'read';
    const newest = fresh.at(-1);
    expect(receipts.map(({ senderId, messageId, throughSeq: told }) => [senderId, messageId, told])).toEqual(
      newest === undefined ? [] : [[other.id, newest.id, model.throughSeq(side)]],
    );
  }

  async function expectLike(talk: Talk, model: Model, side: Side, node: number): Promise<void> {
    const self: Sender = side === 'a' ? talk.a : talk.b;
    const calls = callsOf(url(node), self);
    const visible = model.visible(side);
    const rows = await calls.history(talk.conversationId, '?after_seq=0&limit=200');
    expect(rows.map(({ seq, status }) => [seq, status])).toEqual(visible.map(({ seq, status }) => [seq, status]));
    const newestFirst = await calls.history(talk.conversationId, '?limit=3');
    expect(seqsOf(newestFirst)).toEqual(seqsOf(visible).reverse().slice(0, 3));
    const unread = model.unread(side);
    const listed = await calls.conversations();
    expect(listed).toHaveLength(model.lastSeq > model.hiddenUpTo[side] ? 1 : 0);
    for (const entry of listed) {
      expect(entry).toMatchObject({
        unread_count: unread.length,
        oldest_unread_seq: unread[0]?.seq ?? null,
        newest_unread_seq: unread.at(-1)?.seq ?? null,
        last_message_is_own: visible.at(-1)?.from === side,
      });
    }
    await expectExactCounters(database, self, [talk.conversationId]);
  }

  test('messaging#22, messaging#25, messaging#26, messaging#27: both sides always see what the model says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
        const talk = await startTalk(database, url(0));
        const model = new Model();
        const ids = new Map(
          (await callsOf(url(0), talk.a).history(talk.conversationId)).map(({ seq, id }) => [seq, id]),
        );
        for (const [seq, from] of [
          [1, 'a'],
          [2, 'b'],
        ] as const) {
          model.messages.push({ id: ids.get(seq) ?? '', seq, from, status: 'stored', hiddenBy: new Set() });
        }
        for (const [index, one] of steps.entries()) {
          await take(talk, model, one);
          if (index % 5 === 4) await expectLike(talk, model, one.side, 1 - one.node);
        }
        await expectLike(talk, model, 'a', 0);
        await expectLike(talk, model, 'b', 1);
      }),
      { numRuns: 8 },
    );
  });
});
