import { Binary } from 'mongodb';
import type { SecretKey } from '../../platform/config';
import { createSealer } from '../../platform/sealing';
import type { SealedSecret, Webhook } from '../schema/collections/webhooks';

/** Signing secrets as they rest in the database: sealed under the first of `SECRET_KEYS`, opened under any of them. */
export interface WebhookSecrets {
  /** For this webhook only: moved to another one it does not open. */
  seal(webhookId: string, secret: string): SealedSecret;
  /** @throws Error when the key that sealed it is not in `SECRET_KEYS` any more */
  open(webhook: Pick<Webhook, '_id' | 'secret'>): string;
}

export function createWebhookSecrets(secretKeys: SecretKey[]): WebhookSecrets {
  const sealer = createSealer('webhook', secretKeys);
  return {
    seal: (webhookId, secret) => {
      const { keyId, bytes } = sealer.seal(webhookId, Buffer.from(secret));
      return { keyId, bytes: new Binary(bytes) };
    },
    open: ({ _id, secret: { keyId, bytes } }) => sealer.open(_id, { keyId, bytes: bytes.buffer }).toString(),
  };
}
