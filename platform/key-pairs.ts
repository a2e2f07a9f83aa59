import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';

/** An ed25519 pair as texts. */
export interface KeyPair {
  /** The 32 bytes of the public key, as base64. */
  publicKey: string;
  /** PKCS #8, as base64: never leaves the server, and rests sealed. */
  privateKey: string;
}

/** Bytes of a public key; they stand last in its SPKI form. */
const PUBLIC_KEY_BYTES = 32;

/** A fresh pair. */
export function newKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    publicKey: spki.subarray(-PUBLIC_KEY_BYTES).toString('base64'),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
  };
}

/** The signature of `parts` together, as base64. @throws Error when it is no private key */
export function signWith(privateKey: string, parts: (string | Buffer)[]): string {
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  const message = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return sign(null, message, key).toString('base64');
}
