import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { SecretKey } from './config';

/** What a signed URL lets its holder do. */
export type UrlPurpose = 'upload' | 'download' | 'voice';

/**
 * Signs and checks URLs that work without an API key, for one thing each until they expire. The key's id is part of the
 * URL, so a key that no longer signs still verifies while it is in `SECRET_KEYS`.
 */
export function createUrlSigner(secretKeys: SecretKey[]) {
  const keys = new Map(secretKeys.map(({ id, key }) => [id, deriveKey(key)]));
  const signingId = secretKeys[0]?.id ?? '';

  const signature = (purpose: UrlPurpose, subject: string, expires: string, keyId: string): string | null => {
    const key = keys.get(keyId);
    if (key === undefined) return null;
    return createHmac('sha256', key).update(`${purpose}\0${subject}\0${expires}\0${keyId}`).digest('base64url');
  };

  return {
    /** The query that lets its holder do `purpose` with `subject` until `expiresAt`. */
    sign(purpose: UrlPurpose, subject: string, expiresAt: Date): string {
      const expires = String(Math.ceil(expiresAt.getTime() / 1_000));
      const signed = signature(purpose, subject, expires, signingId);
      if (signed === null) throw new Error('SECRET_KEYS is empty');
      return new URLSearchParams({ expires, key: signingId, signature: signed }).toString();
    },

    /** Whether the query was signed for exactly this, nothing was added to it, and it has not expired. */
    verify(purpose: UrlPurpose, subject: string, query: URLSearchParams, now: Date): boolean {
      const expires = query.get('expires') ?? '';
      const expected = signature(purpose, subject, expires, query.get('key') ?? '');
      const given = query.get('signature') ?? '';
      if (expected === null || query.size !== 3 || !isSame(given, expected)) return false;
      return now.getTime() < Number(expires) * 1_000;
    },
  };
}

export type UrlSigner = ReturnType<typeof createUrlSigner>;

/** The texts, not what they decode to: two texts can stand for the same bytes. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A key of its own: what is learned about one use tells nothing about another. */
function deriveKey(key: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', 'signed-urls', 32));
}
