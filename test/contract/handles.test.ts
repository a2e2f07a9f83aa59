import fc from 'fast-check';
import { isHandle, normaliseHandle } from '../../contract/handles';
import { emailSchema } from '../../contract/registration';
import { hashApiKey, newApiKey } from '../../platform/ids';

/** Written anew from conventions.md §7, so that the two can disagree. */
function isHandleByTheBook(text: string): boolean {
  if (text.length < 3 || text.length > 30) return false;
  const isLetter = (unit: string) => unit >= 'a' && unit <= 'z';
  const isDigit = (unit: string) => unit >= '0' && unit <= '9';
  return [...text].every((unit, index) => {
    if (isLetter(unit)) return true;
    if (isDigit(unit)) return index > 0;
    return unit === '-' && index > 0 && index < text.length - 1 && text[index - 1] !== '-';
  });
}

const nearHandle = fc.string({ unit: fc.constantFrom(...'abz09-@_A é'), minLength: 1, maxLength: 33 });

describe('handles', () => {
  test('a text is a handle exactly when the contract says so', () => {
    fc.assert(
      fc.property(fc.oneof(nearHandle, fc.string({ unit: 'binary', maxLength: 35 })), (text) => {
        expect(isHandle(text)).toBe(isHandleByTheBook(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test('conventions#9: however a handle is typed it is the same one; one @ is dropped, not two', () => {
    fc.assert(
      fc.property(nearHandle.filter(isHandleByTheBook), (handle) => {
        for (const typed of [handle, `@${handle}`, handle.toUpperCase(), `@${handle.toUpperCase()}`]) {
          expect(normaliseHandle(typed)).toBe(handle);
        }
        expect(isHandle(normaliseHandle(`@@${handle}`))).toBe(false);
      }),
    );
  });

  test('no text takes long to refuse', () => {
    const started = performance.now();
    for (const text of ['a-'.repeat(500_000), `${'a'.repeat(1_000_000)}-`, '-'.repeat(1_000_000)]) isHandle(text);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('emails', () => {
  test('identity#3: what is accepted is trimmed, lowercase, at most 254 units, and stays what it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.emailAddress(), fc.string({ maxLength: 60 })), (typed) => {
        const parsed = emailSchema.safeParse(` ${typed.toUpperCase()}\t`);
        if (!parsed.success) return;
        expect(parsed.data).toBe(parsed.data.trim().toLowerCase());
        expect(parsed.data.length).toBeLessThanOrEqual(254);
        expect(parsed.data).toMatch(/^[^\s@]+@[^\s@]+$/);
        expect(emailSchema.parse(parsed.data)).toBe(parsed.data);
      }),
      { numRuns: 1_000 },
    );
  });

  test('an address that could end a mail header is none', () => {
    for (const email of [
      'a@example.com\r\nBcc: b@example.com',
      'a@example.com,b@example.com',
      '<a@example.com>',
      'a b@example.com',
      'a@b@example.com',
      '@example.com',
      'a@',
      'a',
    ]) {
      expect([email, emailSchema.safeParse(email).success]).toEqual([email, false]);
    }
    expect(emailSchema.safeParse(`${'a'.repeat(250)}@example.com`).success).toBe(false);
  });
});

describe('keys', () => {
  test('are 51 characters of 256 random bits, never alike, and only their hash is kept', () => {
    const keys = Array.from({ length: 1_000 }, newApiKey);
    for (const key of keys) expect(key).toMatch(/^ac_live_[A-Za-z0-9_-]{43}$/);
    expect(new Set(keys).size).toBe(1_000);
    expect(hashApiKey('ac_live_x')).toMatch(/^[0-9a-f]{64}$/);
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(hashApiKey(one) === hashApiKey(other)).toBe(one === other);
      }),
    );
  });
});
