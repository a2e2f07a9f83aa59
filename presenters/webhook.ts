import type { WebhookView } from '../contract/webhooks';
import type { WebhookFilter } from '../domain/webhook-filter';
import type { Webhook } from '../store/schema/collections/webhooks';
import { previousExpiry } from '../store/webhooks/rotate-secret';

/**
 * A webhook as its agent sees it at `now`: never with its secret.
 * @param secretHint the last characters of the secret; null when it cannot be opened any more
 */
export function presentWebhook(webhook: Webhook, secretHint: string | null, now: Date): WebhookView {
  const { _id, url, events, active, disabledReason, description, filter, rateLimit, ordering, createdAt } = webhook;
  return {
    id: _id,
    url,
    events,
    active,
    disabled_reason: disabledReason,
    description: description ?? null,
    filter: filter === undefined ? null : presentFilter(filter),
    rate_limit: rateLimit ?? null,
    ordering: ordering ?? 'none',
    batching: webhook.batching === true,
    secret_hint: secretHint,
    previous_secret_expires_at: previousExpiry(webhook, now)?.toISOString() ?? null,
    created_at: createdAt.toISOString(),
  };
}

function presentFilter({ conversationIds, senders, messageTypes, mentionsMe }: WebhookFilter): WebhookView['filter'] {
  return {
    ...(conversationIds === undefined ? {} : { conversation_ids: conversationIds }),
    ...(senders === undefined ? {} : { senders }),
    ...(messageTypes === undefined ? {} : { message_types: messageTypes }),
    ...(mentionsMe === undefined ? {} : { mentions_me: mentionsMe }),
  };
}

/** A webhook as the answers of a key swap list it (identity.md §12). */
export function presentWebhookInForce({ _id, url, createdAt }: Webhook) {
  return { id: _id, url, created_at: createdAt.toISOString() };
}
