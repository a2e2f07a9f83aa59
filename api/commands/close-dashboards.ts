import type { Orders } from '../../platform/bus';
import type { Logger } from '../../platform/logger';

/** Closes the dashboards of a session that ended, or of all of an owner's, on every node. Never fails its caller. */
export async function closeDashboards(
  { orders, log }: { orders: Orders; log: Logger },
  { ownerId, sessionId }: { ownerId: string; sessionId: string | null },
): Promise<void> {
  await orders
    .give({ kind: 'signOut', ownerId, sessionId })
    .catch((error: unknown) => log.error({ event: 'order.not_given', ownerId, err: error }));
}
