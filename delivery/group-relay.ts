import type { Flows } from '../platform/flows';
import type { Logger } from '../platform/logger';
import type { Database } from '../store/database';
import { flushInbox } from '../store/flushing';
import { settleDeletionStart } from '../store/group-deletions';

/** The api tries at once; what is left after this long is ours. */
const AGE_MS = 2_000;
/** Rows of one round: bounded, the next round takes the rest. */
const BATCH = 100;

/**
 * Makes certain what the api tries at once after a change of a group: the flow of a deletion is started, and what
 * leavers lost is rewritten. Both may happen twice without harm.
 */
export async function relayGroups(deps: { database: Database; flows: Flows; log: Logger }): Promise<void> {
  const { database, flows, log } = deps;
  const rows = await database.outbox
    .find({
      kind: { $in: ['group.deletion', 'inbox.flush'] },
      createdAt: { $lt: new Date(Date.now() - AGE_MS) },
    })
    .sort({ createdAt: 1 })
    .limit(BATCH)
    .toArray();
  for (const row of rows) {
    try {
      if (row.kind === 'inbox.flush') await flushInbox(database, row.targetId);
      if (row.kind !== 'group.deletion') continue;
      await flows.startGroupDeletion(row.groupId);
      await settleDeletionStart(database, row.groupId);
    } catch (error) {
      // One that cannot be done now must not hold up the others; the next round tries again.
      log.warn({ event: 'relay.group_failed', kind: row.kind, err: error });
    }
  }
}
