import fc from 'fast-check';
import { boundedText } from '../../contract/text';

/** zod 4 counts code points: without a bound of our own an emoji would be one, and clients' own checks would differ. */
describe('bounded texts', () => {
  test('identity#22: a length is the number of UTF-16 units', () => {
    const schema = boundedText({ max: 4 });
    for (const text of ['', 'abcd', '👋👋', '👋ab', '\ud800\ud800\ud800\ud800']) {
      expect([text, schema.safeParse(text).success]).toEqual([text, true]);
    }
    for (const text of ['abcde', '👋👋a', '👨‍👩‍👧']) expect([text, schema.safeParse(text).success]).toEqual([text, false]);
  });

  test('any text passes exactly when its length is in the range, and comes out as it went in', () => {
    const unit = fc.string({ unit: 'binary', maxLength: 12 });
    fc.assert(
      fc.property(unit, fc.nat(6), fc.nat(12), (text, min, max) => {
        const parsed = boundedText({ min, max }).safeParse(text);
        expect(parsed.success).toBe(text.length >= min && text.length <= max);
        if (parsed.success) expect(parsed.data).toBe(text);
      }),
    );
  });
});
