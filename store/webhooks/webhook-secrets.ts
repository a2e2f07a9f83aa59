import { Binary } from 'mongodb';
import { WEBHOOK_SECRET_HINT_LENGTH } from '../../contract/webhook-limits';
import type { SecretKey } from '../../platform/config';
import { createSealer } from '../../platform/sealing';
import type { SealedSecret, Webhook } from '../schema/collections/webhooks';

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
}

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
  return {
    seal: (webhookId, secret) => {
      const { keyId, bytes } = sealer.seal(webhookId, Buffer.from(secret));
      return { keyId, bytes: new Binary(bytes) };
    },
    open,
    isOf: (webhook, secret) => openOrNull(webhook) === secret,
    hintOf: (webhook) => openOrNull(webhook)?.slice(-WEBHOOK_SECRET_HINT_LENGTH) ?? null,
  };
}
