import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { SecretKey } from './config';

/** What turns one refresh token into the next, beside `SECRET_KEYS`. Worth nothing without the old token. */
export interface Succession {
  nonce: string;
  /** Which of `SECRET_KEYS`: keys can change within the grace. */
  keyId: string;
}

/**
 * Refresh tokens of the dashboard: 256 bits, known to the browser alone. A successor is computed from the old token, a
 * nonce and a secret key: so every process can give the same one again to whoever shows the old token, although no token
 * is stored. Neither the stored nonce nor the old token nor the two together lead to it without the key.
 */
export function createRefreshTokens(secretKeys: SecretKey[]) {
  const keys = new Map(secretKeys.map(({ id, key }) => [id, deriveKey(key)]));
  return {
    /** The first token of a session. */
    first: (): string => randomBytes(32).toString('base64url'),

    newSuccession: (): Succession => ({ nonce: randomBytes(16).toString('hex'), keyId: secretKeys[0]?.id ?? '' }),

    /** @returns null when the key is not in `SECRET_KEYS` any more */
    successorOf(token: string, { nonce, keyId }: Succession): string | null {
      const key = keys.get(keyId);
      return key === undefined ? null : createHmac('sha256', key).update(`${nonce}|${token}`).digest('base64url');
    },
  };
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>;

/** What is stored of a refresh token. */
export function hashRefreshToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** A key of its own: what is learned about one use tells nothing about another. */
function deriveKey(key: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', 'owner-refresh-tokens', 32));
}
