import type { Logger } from '../../platform/logger';
import type { Database } from '../schema/database';
import { newBusNote } from './bus';
import { findLeased } from './lease';

/**
 * Wakes the sockets of these agents, on whichever nodes they are: for processes that hold none themselves. Never fails
 * its caller: each pump also polls.
 */
export async function wakeAgents(
  { database, log }: { database: Database; log: Logger },
  agentIds: string[],
): Promise<void> {
  try {
    const holders = await database.connections.distinct('nodeId', { agentId: { $in: agentIds } });
    const nodeIds = await findLeased(database, holders);
    if (nodeIds.length === 0) return;
    await database.bus.insertMany(nodeIds.map((nodeId) => newBusNote(nodeId, 'wake', agentIds, {})));
  } catch (error) {
    log.debug({ event: 'agents.not_woken', err: error });
  }
}
