import { createPrivateKey, createPublicKey, hkdfSync, sign, verify, type KeyObject } from 'node:crypto';
import { ACCESS_TOKEN_SECONDS, ACCESS_TOKEN_SKEW_SECONDS } from '../contract/limits';
import type { SecretKey } from './config';

/** What an access token says: who, and in which session. */
export interface AccessClaims {
  ownerId: string;
  sessionId: string;
}

const ISSUER = 'agentchat';
const AUDIENCE = 'agentchat-dashboard';

/** DER of an Ed25519 private key up to its 32 bytes of seed (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Issues and checks the access tokens of the dashboard: JWTs with one fixed algorithm, EdDSA over Ed25519. The key pairs
 * come from `SECRET_KEYS`, so all api processes share them over restarts: the first signs, all verify.
 *
 * A token's header must be, byte for byte, the one that this server writes for one of its keys. So `none`, every other
 * algorithm and every key that a token brings along are refused before anything of it is parsed.
 */
export function createAccessTokens(secretKeys: SecretKey[]) {
  const pairs = secretKeys.map(({ id, key }) => ({ id, header: headerOf(id), privateKey: deriveKey(key) }));
  const byId = new Map(pairs.map((pair) => [pair.id, pair]));
  const byHeader = new Map(pairs.map(({ header, privateKey }) => [header, createPublicKey(privateKey)]));

  return {
    /** Which of `SECRET_KEYS` signs now. */
    keyId: secretKeys[0]?.id ?? '',

    /** The same arguments give the same token. @returns null when the key is not in `SECRET_KEYS` (any more) */
    issue({ ownerId, sessionId }: AccessClaims, at: Date, keyId: string): string | null {
      const pair = byId.get(keyId);
      if (pair === undefined) return null;
      const iat = Math.floor(at.getTime() / 1_000);
      const payload = encode({
        iss: ISSUER,
        aud: AUDIENCE,
        sub: ownerId,
        sid: sessionId,
        iat,
        exp: iat + ACCESS_TOKEN_SECONDS,
      });
      const signed = `${pair.header}.${payload}`;
      return `${signed}.${sign(null, Buffer.from(signed), pair.privateKey).toString('base64url')}`;
    },

    /** What the token says, or null when it is not one of ours or has expired. */
    check(token: string, now: Date): AccessClaims | null {
      const [header = '', payload = '', signature = '', ...rest] = token.split('.');
      const key = byHeader.get(header);
      if (key === undefined || rest.length > 0 || !isSigned(`${header}.${payload}`, signature, key)) return null;
      return readClaims(payload, now);
    },
  };
}

export type AccessTokens = ReturnType<typeof createAccessTokens>;

function isSigned(text: string, signature: string, key: KeyObject): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  // One spelling per signature: lenient decoders accept several.
  return bytes.toString('base64url') === signature && verify(null, Buffer.from(text), key, bytes);
}

/** Only after the signature held: everything in it is ours, from this or an earlier version. */
function readClaims(payload: string, now: Date): AccessClaims | null {
  const { iss, aud, sub, sid, exp } = decode(payload);
  if (iss !== ISSUER || aud !== AUDIENCE || typeof sub !== 'string' || typeof sid !== 'string') return null;
  if (typeof exp !== 'number' || now.getTime() >= (exp + ACCESS_TOKEN_SKEW_SECONDS) * 1_000) return null;
  return { ownerId: sub, sessionId: sid };
}

const headerOf = (kid: string): string => encode({ alg: 'EdDSA', typ: 'JWT', kid });

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The parse point of payloads: an object whose values are not known yet, empty for anything else. */
function decode(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** A key of its own: what is learned about one use tells nothing about another. */
function deriveKey(key: Buffer): KeyObject {
  const seed = Buffer.from(hkdfSync('sha256', key, '', 'owner-access-tokens', 32));
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}
