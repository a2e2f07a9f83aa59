import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { SecretKey } from './config';

/** Bytes that only a holder of `SECRET_KEYS` can read. */
export interface Sealed {
  /** Which of `SECRET_KEYS` sealed it: keys can change while sealed bytes live on. */
  keyId: string;
  /** 12 bytes of nonce, 16 of tag, then the ciphertext. */
  bytes: Buffer;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals and opens bytes of one `purpose` with AES-256-GCM. `context` names what they belong to and must be the same at
 * opening: a sealed value moved to another row does not open.
 */
export function createSealer(purpose: string, secretKeys: SecretKey[]) {
  const keys = new Map(secretKeys.map(({ id, key }) => [id, deriveKey(key, purpose)]));
  const keyId = secretKeys[0]?.id ?? '';
  return {
    seal(context: string, content: Buffer): Sealed {
      const key = keys.get(keyId);
      if (key === undefined) throw new Error('SECRET_KEYS is empty');
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
      const ciphertext = Buffer.concat([cipher.update(content), cipher.final()]);
      return { keyId, bytes: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]) };
    },

    /** @throws Error when the key is gone or the bytes are not what was sealed for `context` */
    open(context: string, sealed: { keyId: string; bytes: Uint8Array }): Buffer {
      const key = keys.get(sealed.keyId);
      if (key === undefined) throw new Error('The key that sealed this is not in SECRET_KEYS');
      const tagEnd = NONCE_BYTES + TAG_BYTES;
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.bytes.subarray(NONCE_BYTES, tagEnd));
      return Buffer.concat([decipher.update(sealed.bytes.subarray(tagEnd)), decipher.final()]);
    },
  };
}

export type Sealer = ReturnType<typeof createSealer>;

/** A key of its own per purpose: what is learned about one use tells nothing about another. */
function deriveKey(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `sealing|${purpose}`, 32));
}
