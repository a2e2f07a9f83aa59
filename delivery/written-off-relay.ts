import type { Logger } from '../platform/logger';
import { settleWrittenOff } from '../store/inbox/written-off';
import { findRows } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';

/** Rewrites the envelopes that leavers of groups lost, where the api did not. Doing it twice finds nothing to rewrite. */
export async function relayWrittenOff(
  { database, log }: { database: Database; log: Logger },
  before: Date,
): Promise<void> {
  for (const { targetId } of await findRows(database, 'inbox.written-off', before)) {
    try {
      await settleWrittenOff(database, targetId);
    } catch (error) {
      // One inbox that cannot be rewritten now must not hold up the others; the next round tries again.
      log.warn({ event: 'relay.written_off_failed', agentId: targetId, err: error });
    }
  }
}
