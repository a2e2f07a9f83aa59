import { Binary } from 'mongodb';
import { WEBHOOK_SECRET_HINT_LENGTH } from '../../contract/webhook-limits';
import type { SecretKey } from '../../platform/config';
import { newKeyPair } from '../../platform/key-pairs';
import { createSealer } from '../../platform/sealing';
import type { SealedKeyPair, SealedSecret, Webhook } from '../schema/collections/webhooks';

/** Signing secrets as they rest in the database: sealed under the first of `SECRET_KEYS`, opened under any of them. */
export interface WebhookSecrets {
  /** For this webhook only: moved to another one it does not open. */
  seal(webhookId: string, secret: string): SealedSecret;
  /** @throws Error when the key that sealed it is not in `SECRET_KEYS` any more */
  open(webhook: Pick<Webhook, '_id' | 'secret'>): string;
  /** Whether the webhook is signed with this secret; not when that cannot be opened any more. */
  isOf(webhook: Pick<Webhook, '_id' | 'secret'>, secret: string): boolean;
  /** The last characters of the secret, by which its agent knows which one it is; null when its key is gone. */
  hintOf(webhook: Pick<Webhook, '_id' | 'secret'>): string | null;
  /** A fresh pair for this webhook only; nobody is shown its private key. */
  newKeyPair(webhookId: string): SealedKeyPair;
}

/** Of whom a private key of the webhook is sealed: put in the place of its secret it does not open. */
export const keyPairOwner = (webhookId: string): string => `${webhookId}|ed25519`;

export function createWebhookSecrets(secretKeys: SecretKey[]): WebhookSecrets {
  const sealer = createSealer('webhook', secretKeys);
  const open: WebhookSecrets['open'] = ({ _id, secret: { keyId, bytes } }) =>
    sealer.open(_id, { keyId, bytes: bytes.buffer }).toString();
  const openOrNull = (webhook: Pick<Webhook, '_id' | 'secret'>): string | null => {
    try {
      return open(webhook);
    } catch {
      return null;
    }
  };
  const seal: WebhookSecrets['seal'] = (owner, secret) => {
    const { keyId, bytes } = sealer.seal(owner, Buffer.from(secret));
    return { keyId, bytes: new Binary(bytes) };
  };
  return {
    seal,
    open,
    isOf: (webhook, secret) => openOrNull(webhook) === secret,
    hintOf: (webhook) => openOrNull(webhook)?.slice(-WEBHOOK_SECRET_HINT_LENGTH) ?? null,
    newKeyPair: (webhookId) => {
      const { publicKey, privateKey } = newKeyPair();
      return { publicKey, privateKey: seal(keyPairOwner(webhookId), privateKey) };
    },
  };
}
