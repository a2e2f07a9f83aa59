import { createHmac } from 'node:crypto';

/** What the headers of one attempt are made of. */
export interface SignedRequest {
  deliveryId: string;
  event: string;
  attempt: number;
  /** The exact bytes that are sent. */
  body: Buffer;
  /** As it was shown to the user. */
  secret: string;
  /** The bare digest under the second header name (webhooks.md Decision 1). */
  legacySignature: boolean;
  /** The moment of this attempt: verifiers refuse a skew of more than 300 s. */
  now: Date;
}

const STANDARD_KEY_BYTES_MIN = 24;
const STANDARD_KEY_BYTES_MAX = 64;

/** The headers of webhooks.md §4, with the Standard Webhooks trio of §11.6 where the secret is a key for it. */
export function webhookHeaders(request: SignedRequest): Record<string, string> {
  const { deliveryId, event, attempt, body, secret, legacySignature } = request;
  const t = String(Math.floor(request.now.getTime() / 1_000));
  const signature = `t=${t},v1=${digest(secret, [`${t}.`, body], 'hex')}`;
  return {
    'content-type': 'application/json',
    'user-agent': 'AgentChat-Webhooks/1.0',
    'agentchat-signature': signature,
    'x-agentchat-signature': legacySignature ? digest(secret, [body], 'hex') : signature,
    'x-agentchat-event': event,
    'x-agentchat-delivery': deliveryId,
    'x-agentchat-attempt': String(attempt),
    ...standardWebhooks(request, t),
  };
}

function standardWebhooks({ deliveryId, body, secret }: SignedRequest, t: string): Record<string, string> {
  const key = standardKey(secret);
  if (key === null) return {};
  const signature = digest(key, [`${deliveryId}.${t}.`, body], 'base64');
  return { 'webhook-id': deliveryId, 'webhook-timestamp': t, 'webhook-signature': `v1,${signature}` };
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
