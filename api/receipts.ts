import { presentRead } from '../presenters/events';
import type { ReadReceipt } from '../store/transactions/read-messages';
import type { Live } from './realtime/node';

/**
 * Tells senders, and their owners' dashboards, that their messages were read, on whichever nodes their sockets are. Nobody stores these frames; who is
 * offline or fully paused misses them.
 */
export function tellSenders(live: Live, receipts: ReadReceipt[]): void {
  for (const receipt of receipts) {
    const { senderId, conversationId } = receipt;
    live.tell([senderId], { text: JSON.stringify({ type: 'message.read', payload: presentRead(receipt) }) });
    live.watch.changed({ agentId: senderId, scopes: ['messages'], conversationId });
  }
}
