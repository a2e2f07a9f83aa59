import type { WebhookView } from '../contract/webhooks';
import type { Webhook } from '../store/schema/collections/webhooks';

/** A webhook as its agent sees it: never with its secret. */
export function presentWebhook({ _id, url, events, active, createdAt }: Webhook): WebhookView {
  return { id: _id, url, events, active, created_at: createdAt.toISOString() };
}
