import { findDead, forgetNode } from '../../../store/nodes/lease';
import type { Logger } from '../../../platform/logger';
import type { Database } from '../../../store/schema/database';
import type { PresenceService } from './presence';

/**
 * A node whose lease lapsed so long ago was killed: one that was frozen or cut off for a moment would be back. Shorter,
 * a hiccup would show agents as offline that are not; social.md §9.3 allows five minutes.
 */
const DEAD_AFTER_MS = 20_000;

/**
 * Clears up after nodes that were killed: their agents' presence, the rows of their sockets, their own row last, so
 * that a crash in between leaves the rest to the next run. Any node may do it, several at once too. A node that was
 * alive after all registers its sockets again when its lease runs again. Never throws.
 */
export async function endDeadNodes(deps: {
  database: Database;
  presence: PresenceService;
  log: Logger;
}): Promise<void> {
  const { database, presence, log } = deps;
  try {
    for (const nodeId of await findDead(database, DEAD_AFTER_MS)) {
      await presence.endNode(nodeId);
      await forgetNode(database, nodeId);
    }
  } catch (error) {
    log.warn({ event: 'dead_nodes.not_ended', err: error });
  }
}
