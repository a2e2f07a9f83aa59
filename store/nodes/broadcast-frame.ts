import type { LiveFrame } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import type { Database } from '../schema/database';
import { newBusNote } from './bus';
import { findLeased } from './lease';

/**
 * Hands a frame to the sockets of an agent, on whichever nodes they are: for processes that hold none themselves. A hint,
 * as all frames that nobody stores: never fails its caller, and what a crash loses is lost.
 */
export async function broadcastFrame(
  { database, log }: { database: Database; log: Logger },
  agentId: string,
  frame: LiveFrame,
): Promise<void> {
  try {
    const nodeIds = await findLeased(database, await database.connections.distinct('nodeId', { agentId }));
    if (nodeIds.length === 0) return;
    await database.bus.insertMany(nodeIds.map((nodeId) => newBusNote(nodeId, 'frame', [agentId], { ...frame })));
  } catch (error) {
    log.debug({ event: 'frame.not_broadcast', err: error });
  }
}
