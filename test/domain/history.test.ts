import fc from 'fast-check';
import { mergeHidden, walkVisible, type SeqRange } from '../../domain/history';

/** Hides the seqs one after the other, as the store does: neighbours merge. */
function rangesOf(hiddenSeqs: number[]): SeqRange[] {
  let ranges: SeqRange[] = [];
  for (const seq of hiddenSeqs) {
    const near = ranges.filter(({ from, to }) => from <= seq + 1 && to >= seq - 1);
    const merged = mergeHidden(seq, near);
    if (merged !== null) ranges = [...ranges.filter((range) => !near.includes(range)), merged];
  }
  return ranges.sort((one, other) => one.from - other.from);
}

const seqs = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 });

test('a page walks exactly the visible seqs, whatever is hidden, and limit + 1 ranges are enough', () => {
  fc.assert(
    fc.property(
      seqs,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 10 }),
      fc.constantFrom('older', 'newer'),
      (hiddenSeqs, floor, start, limit, direction) => {
        const all = Array.from({ length: 60 }, (_, index) => index + 1);
        const visible = all.filter((seq) => seq >= floor && !hiddenSeqs.includes(seq));
        const expected =
          direction === 'older'
            ? visible.filter((seq) => seq <= Math.min(start, 60)).reverse()
            : visible.filter((seq) => seq >= Math.max(start, floor));
        const first = direction === 'older' ? Math.min(start, 60) : Math.max(start, floor);
        const hidden = rangesOf(hiddenSeqs);
        const ahead =
          direction === 'older'
            ? hidden.filter(({ from }) => from <= first).reverse()
            : hidden.filter(({ to }) => to >= first);
        const walked = walkVisible({
          start: first,
          direction,
          floor,
          ceiling: 60,
          limit,
          hidden: ahead.slice(0, limit + 1),
        });
        expect(walked).toEqual(expected.slice(0, limit));
      },
    ),
  );
});

test('hidden ranges never touch, so that between two of them is always a visible message', () => {
  fc.assert(
    fc.property(seqs, (hiddenSeqs) => {
      const ranges = rangesOf(hiddenSeqs);
      const covered = ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
      expect(covered).toEqual([...new Set(hiddenSeqs)].sort((one, other) => one - other));
      for (const [index, { from }] of ranges.entries()) {
        const before = ranges[index - 1];
        if (before !== undefined) expect(from).toBeGreaterThan(before.to + 1);
      }
    }),
  );
});
