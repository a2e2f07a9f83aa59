import type { Presence } from '../domain/presence';
import type { ReadReceipt } from '../store/conversations/read-messages';
import type { OperationalRow } from '../store/schema/collections/outbox';

/** Payload of `message.read` (realtime.md §3.2): two names for reader and time, because published clients read either. */
export function presentRead(receipt: Omit<ReadReceipt, 'senderId'>): object {
  const at = receipt.at.toISOString();
  return {
    message_id: receipt.messageId,
    conversation_id: receipt.conversationId,
    seq: receipt.seq,
    through_seq: receipt.throughSeq,
    read_by: receipt.readerHandle,
    reader: receipt.readerHandle,
    read_at: at,
    at,
  };
}

/** Payload of `presence.update` (social.md §9.3): no `last_seen`. */
export function presentPresence(
  handle: string,
  { status, customMessage }: Pick<Presence, 'status' | 'customMessage'>,
): object {
  return { handle, status, custom_message: customMessage };
}

/** Data of `agent.created`, for webhooks of system agents (identity.md §4). */
export function presentNewAgent(handle: string, displayName: string | null, createdAt: Date): object {
  return { handle, display_name: displayName, created_at: createdAt.toISOString() };
}

/** Data of the events that are about a webhook, for others of its owner (webhooks.md §11.8). */
export function presentOperational({
  about,
  handle,
  facts,
  createdAt,
}: Pick<OperationalRow, 'about' | 'handle' | 'facts' | 'createdAt'>): object {
  const of = { webhook_id: about, handle };
  switch (facts.event) {
    case 'webhook.delivery.exhausted':
      return {
        ...of,
        delivery_id: facts.deliveryId,
        event: facts.delivered.event,
        event_id: facts.delivered.eventId,
        attempts: facts.attempts,
        last_status: facts.lastStatus,
        last_error: facts.lastError,
        dead_at: createdAt.toISOString(),
      };
    case 'webhook.endpoint.failing':
      return { ...of, first_failure_at: facts.since.toISOString(), consecutive_failures: facts.consecutiveFailures };
    case 'webhook.endpoint.disabled':
      return { ...of, disabled_reason: facts.reason, disabled_at: createdAt.toISOString() };
    case 'webhook.endpoint.recovered':
      return {
        ...of,
        first_failure_at: facts.failingSince.toISOString(),
        recovered_at: createdAt.toISOString(),
      };
    case 'webhook.secret.rotated':
      return {
        ...of,
        what: facts.what,
        previous_expires_at: facts.previousExpiresAt?.toISOString() ?? null,
        rotated_at: createdAt.toISOString(),
      };
  }
}
