import type { Presence } from '../domain/presence';
import type { ReadReceipt } from '../store/conversations/read-messages';

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
