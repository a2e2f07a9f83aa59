import type { WebhookView } from '../contract/webhooks';
import type { Webhook } from '../store/schema/collections/webhooks';

/** A webhook as its agent sees it: never with its secret. */
export function presentWebhook({ _id, url, events, active, createdAt }: Webhook): WebhookView {
  return { id: _id, url, events, active, created_at: createdAt.toISOString() };
}

/** A webhook as the answers of a key swap list it (identity.md §12). */
export function presentWebhookInForce({ _id, url, createdAt }: Webhook) {
  return { id: _id, url, created_at: createdAt.toISOString() };
}
