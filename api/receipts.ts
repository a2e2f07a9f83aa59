import type { ReadReceipt } from '../store/transactions/read-messages';
import type { Live } from './realtime/node';

/**
 * Tells senders that their messages were read, on whichever nodes their sockets are. Nobody stores these frames; who is
 * offline or fully paused misses them.
 */
export function tellSenders(live: Live, receipts: ReadReceipt[]): void {
  for (const receipt of receipts) live.tell([receipt.senderId], { text: readFrame(receipt) });
}

/** `message.read` of realtime.md §3.2: two names for reader and time, because published clients read either. */
function readFrame(receipt: ReadReceipt): string {
  const at = receipt.at.toISOString();
  return JSON.stringify({
    type: 'message.read',
    payload: {
      message_id: receipt.messageId,
      conversation_id: receipt.conversationId,
      seq: receipt.seq,
      through_seq: receipt.throughSeq,
      read_by: receipt.readerHandle,
      reader: receipt.readerHandle,
      read_at: at,
      at,
    },
  });
}
