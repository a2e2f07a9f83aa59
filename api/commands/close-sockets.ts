import type { Orders } from '../../platform/bus';
import type { Logger } from '../../platform/logger';

/**
 * Closes the agent's sockets on every node, after the commit that makes it right. Never fails its caller, whose commit
 * stands: nodes that an order cannot reach lose their lease, or load their agents by themselves.
 */
export async function closeSockets(
  { orders, log }: { orders: Orders; log: Logger },
  { agentId, reason, keyVersion }: { agentId: string; reason: string; keyVersion?: number },
): Promise<void> {
  await orders
    .give({ kind: 'close', agentId, code: 1008, reason, ...(keyVersion === undefined ? {} : { keyVersion }) })
    .catch((error: unknown) => log.error({ event: 'order.not_given', agentId, err: error }));
}
