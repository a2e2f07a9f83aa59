import { createHmac } from 'node:crypto';
import { signWith } from '../platform/key-pairs';

/** What the headers of one attempt are made of. */
export interface SignedRequest {
  deliveryId: string;
  event: string;
  attempt: number;
  /** The exact bytes that are sent. */
  body: Buffer;
  /** As they were shown to the user, the newest first: during the overlap of a rotation there are two. */
  secrets: readonly [string, ...string[]];
  /** Of ed25519, the newest first; absent or empty = no such signature. */
  privateKeys?: readonly string[];
  /** The bare digest under the second header name (webhooks.md Decision 1). */
  legacySignature: boolean;
  /** The moment of this attempt: verifiers refuse a skew of more than 300 s. */
  now: Date;
}

const STANDARD_KEY_BYTES_MIN = 24;
const STANDARD_KEY_BYTES_MAX = 64;

/**
 * The headers of webhooks.md §4, with the Standard Webhooks trio of §11.6 where a secret is a key for it, or ed25519 is
 * wanted.
 */
export function webhookHeaders(request: SignedRequest): Record<string, string> {
  const { deliveryId, event, attempt, body, secrets, legacySignature } = request;
  const t = String(Math.floor(request.now.getTime() / 1_000));
  // The oldest last: published verifiers look at the last v1 only, and receivers hold the old secret until they deploy.
  const signature = [`t=${t}`, ...secrets.map((secret) => `v1=${digest(secret, [`${t}.`, body], 'hex')}`)].join(',');
  return {
    'content-type': 'application/json',
    'user-agent': 'AgentChat-Webhooks/1.0',
    'agentchat-signature': signature,
    'x-agentchat-signature': legacySignature ? digest(secrets.at(-1) ?? '', [body], 'hex') : signature,
    'x-agentchat-event': event,
    'x-agentchat-delivery': deliveryId,
    'x-agentchat-attempt': String(attempt),
    ...standardWebhooks(request, t),
  };
}

/**
 * A list of signatures: `v1`, one for each secret that is a key for it, then `v1a`, one for each private key, always the
 * newest first. All are over the same text; libraries look for one of the kind that they know.
 */
function standardWebhooks(
  { deliveryId, body, secrets, privateKeys = [] }: SignedRequest,
  t: string,
): Record<string, string> {
  const text = [`${deliveryId}.${t}.`, body];
  const keys = secrets.map(standardKey).filter((key) => key !== null);
  const signatures = [
    ...keys.map((key) => `v1,${digest(key, text, 'base64')}`),
    ...privateKeys.map((privateKey) => `v1a,${signWith(privateKey, text)}`),
  ];
  if (signatures.length === 0) return {};
  return { 'webhook-id': deliveryId, 'webhook-timestamp': t, 'webhook-signature': signatures.join(' ') };
}

/** The key as the libraries of Standard Webhooks decode it; null when the secret is none. */
function standardKey(secret: string): Buffer | null {
  const encoded = secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
  const key = Buffer.from(encoded, 'base64');
  // Node decodes what is no base64 too: only what encodes back to the same text is.
  if (key.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return null;
  return key.length >= STANDARD_KEY_BYTES_MIN && key.length <= STANDARD_KEY_BYTES_MAX ? key : null;
}

function digest(key: string | Buffer, parts: (string | Buffer)[], encoding: 'hex' | 'base64'): string {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest(encoding);
}
