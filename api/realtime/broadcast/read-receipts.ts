import { presentRead } from '../../../presenters/events';
import type { ReadReceipt } from '../../../store/conversations/read-messages';
import type { Live } from './live';

/**
 * Broadcasts to senders, and publishes to their owners' dashboards, that their messages were read, on whichever nodes
 * their sockets are. Nobody stores these frames; who is offline or fully paused misses them.
 */
export function broadcastReceipts(live: Live, receipts: ReadReceipt[]): void {
  for (const receipt of receipts) {
    const { senderId, conversationId } = receipt;
    live.broadcast([senderId], { text: JSON.stringify({ type: 'message.read', payload: presentRead(receipt) }) });
    live.ownerFeed.changed({ agentId: senderId, scopes: ['messages'], conversationId });
  }
}
