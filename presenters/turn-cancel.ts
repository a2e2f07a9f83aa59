import type { CancelReason } from '../contract/turn-frames';

/** Tells an agent that nobody wants its answer any more (gateway.md §8.3): for sockets that know the gateway only. */
export const turnCancelFrame = (executionId: string, reason: CancelReason) => ({
  text: JSON.stringify({ type: 'turn.cancel', payload: { execution_id: executionId, reason } }),
  isForGateway: true as const,
});
