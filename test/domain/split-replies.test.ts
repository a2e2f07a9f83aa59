import fc from 'fast-check';
import { goesOn, isWhole, joinBackwards, partOf, type JoinedReply, type ReplyPart } from '../../domain/split-replies';

const marked = (part: unknown, more: object = {}) => ({ reply_to: 'msg_a', ...more, gateway: { part } });

describe('replies in several messages (gateway.md §8.4)', () => {
  test('a part is what says so with two numbers that fit; all else is no part', () => {
    const part = partOf(marked({ index: 1, total: 3 }));
    expect(part).toMatchObject({ index: 1, total: 3 });
    expect([goesOn(part), goesOn(partOf(marked({ index: 2, total: 3 }))), goesOn(null)]).toEqual([true, false, false]);
    for (const wrong of [
      undefined,
      null,
      'x',
      {},
      { index: 0, total: 1 },
      { index: 3, total: 3 },
      { index: -1, total: 3 },
      { index: 0.5, total: 3 },
      { index: '0', total: '3' },
      { index: 0, total: 65 },
      { index: Number.NaN, total: 3 },
    ]) {
      expect([wrong, partOf(marked(wrong))]).toEqual([wrong, null]);
    }
    expect(partOf({})).toBeNull();
  });

  test('parts of different turns are parts of different replies', () => {
    const [one, other] = ['exe_a', 'exe_b'].map((id) =>
      partOf({ gateway: { execution_id: id, part: { index: 0, total: 2 } } }),
    );
    expect(one?.reply === other?.reply).toBe(false);
  });

  /** Joins a conversation that is given oldest first. @returns the texts of its replies, oldest first */
  function joined(messages: [string, ReplyPart | null][]): string[] {
    const seen: JoinedReply<string>[] = [];
    for (const [text, part] of messages.toReversed()) joinBackwards(seen, text, part);
    return seen.reverse().map(({ items }) => items.join(''));
  }
  const of = (reply: string, index: number, total: number): ReplyPart => ({ reply, index, total });

  test('a split reply is one message, where its last part is; what came in between keeps its place', () => {
    const messages: [string, ReplyPart | null][] = [
      ['before', null],
      ['a0', of('a', 0, 3)],
      ['b0', of('b', 0, 2)],
      ['a1', of('a', 1, 3)],
      ['between', null],
      ['b1', of('b', 1, 2)],
      ['a2', of('a', 2, 3)],
      ['after', null],
    ];
    expect(joined(messages)).toEqual(['before', 'between', 'b0b1', 'a0a1a2', 'after']);
  });

  test('parts whose others are missing are shown as far as they are there', () => {
    expect(
      joined([
        ['a0', of('a', 0, 3)],
        ['a1', of('a', 1, 3)],
      ]),
    ).toEqual(['a0a1']);
    expect(
      joined([
        ['a1', of('a', 1, 3)],
        ['a2', of('a', 2, 3)],
      ]),
    ).toEqual(['a1a2']);
    expect(
      joined([
        ['a0', of('a', 0, 3)],
        ['a2', of('a', 2, 3)],
      ]),
    ).toEqual(['a0', 'a2']);
    const seen: JoinedReply<string>[] = [];
    joinBackwards(seen, 'a2', of('a', 2, 3));
    expect(seen.map(isWhole)).toEqual([false]);
  });

  test('one reply that was sent twice is two, and no text is lost or told twice', () => {
    const twice = [0, 1, 0, 1].map((index, at): [string, ReplyPart] => [`${index}.${at} `, of('a', index, 2)]);
    expect(joined(twice)).toEqual(['0.0 1.1 ', '0.2 1.3 ']);
  });

  test('whatever the order of messages, each is in exactly one reply', () => {
    const message = fc.record({
      reply: fc.constantFrom('a', 'b'),
      index: fc.integer({ min: 0, max: 3 }),
      total: fc.constantFrom(4),
    });
    fc.assert(
      fc.property(fc.array(fc.option(message, { nil: null }), { maxLength: 30 }), (parts) => {
        const seen: JoinedReply<number>[] = [];
        parts.forEach((part, at) => joinBackwards(seen, at, part));
        const items = seen.flatMap((reply) => reply.items);
        expect(items.toSorted((one, other) => one - other)).toEqual(parts.map((_, at) => at));
        for (const { items: own } of seen) expect(own).toEqual(own.toSorted((one, other) => other - one));
      }),
    );
  });
});
