import type { WebhookView } from '../contract/webhooks';
import type { WebhookFilter } from '../domain/webhook-filter';
import type { SealedKeyPair, Webhook } from '../store/schema/collections/webhooks';
import { previousExpiry, previousKeyExpiry } from '../store/webhooks/rotate-secret';

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
    ...presentKeyPairs(webhook, now),
    created_at: createdAt.toISOString(),
  };
}

/** A public key as libraries of Standard Webhooks read it. */
export const presentPublicKey = ({ publicKey }: Pick<SealedKeyPair, 'publicKey'>): string => `whpk_${publicKey}`;

function presentKeyPairs(webhook: Webhook, now: Date) {
  const { keyPair, previousKeyPair } = webhook;
  const until = previousKeyExpiry(webhook, now);
  return {
    public_key: keyPair === undefined ? null : presentPublicKey(keyPair),
    previous_public_key:
      previousKeyPair === undefined || until === null ? null : presentPublicKey(previousKeyPair.keyPair),
    previous_public_key_expires_at: until?.toISOString() ?? null,
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
