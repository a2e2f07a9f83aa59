import fc from 'fast-check';
import { requestedRange } from '../../domain/byte-range';

const FILE = { size: 1_000, etag: '"version"' };
const ask = (range: string, ifRange = '') => requestedRange({ range, ifRange }, FILE);

describe('the part of a file that a request asks for', () => {
  test.each([
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=0-', { first: 0, last: 999 }],
    ['bytes=500-599', { first: 500, last: 599 }],
    ['bytes=900-5000', { first: 900, last: 999 }],
    ['bytes=-1', { first: 999, last: 999 }],
    ['bytes=-5000', { first: 0, last: 999 }],
    ['BYTES=1-2', { first: 1, last: 2 }],
    [' bytes=1-2 ', { first: 1, last: 2 }],
  ])('%j is a part', (range, expected) => expect(ask(range)).toEqual(expected));

  test.each(['bytes=1000-', 'bytes=1000-2000', 'bytes=-0'])('%j is beyond it', (range) =>
    expect(ask(range)).toBe('beyond'),
  );

  test.each(['', 'bytes', 'bytes=', 'bytes=-', 'bytes=2-1', 'bytes=0-1,5-6', 'lines=1-2', 'bytes=a-b', 'bytes=1.5-2'])(
    '%j is the whole',
    (range) => expect(ask(range)).toBeNull(),
  );

  test('a part of another version is the whole of this one', () => {
    expect(ask('bytes=0-1', '"version"')).toEqual({ first: 0, last: 1 });
    for (const other of ['"other"', 'W/"version"', 'Tue, 24 Nov 2026 10:00:00 GMT']) {
      expect(ask('bytes=0-1', other)).toBeNull();
      expect(ask('bytes=5000-', other)).toBeNull();
    }
  });

  test('whatever is asked for, a part lies within the file', () => {
    const number = fc.oneof(fc.nat(3_000), fc.bigInt({ min: 0n, max: 10n ** 400n }), fc.constant(''));
    fc.assert(
      fc.property(number, number, fc.integer({ min: 1, max: 2_000 }), (from, to, size) => {
        const part = requestedRange({ range: `bytes=${from}-${to}`, ifRange: '' }, { size, etag: '"x"' });
        if (part === null || part === 'beyond') return;
        expect(part.first).toBeGreaterThanOrEqual(0);
        expect(part.first).toBeLessThanOrEqual(part.last);
        expect(part.last).toBeLessThan(size);
      }),
    );
  });
});
