import { inboxInId, type InboxInGuard } from '../../domain/guards';
import type { GroupDeletion } from '../schema/collections/groups';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';

/** What was fixed at the cut-over of a deletion; null when the group was not deleted. */
export function findDeletion(database: Database, groupId: string): Promise<GroupDeletion | null> {
  return database.groupDeletions.findOne({ _id: groupId }, SAFE_READ);
}

/** Whether a live notice can reach the agent now: ended and suspended accounts hold no sockets, a full pause drops it. */
export async function reachOf(database: Database, agentId: string): Promise<'live' | 'paused' | 'none'> {
  const inbox = await database.guards.findOne<InboxInGuard>(
    { _id: inboxInId(agentId) },
    { projection: { status: 1, pausedByOwner: 1 }, ...READ },
  );
  if (inbox === null || inbox.status === 'deleted' || inbox.status === 'suspended') return 'none';
  return inbox.pausedByOwner === 'full' ? 'paused' : 'live';
}

/** Writes down how a deletion ended, for operators. Repeating it changes nothing. */
export async function recordOutcome(
  database: Database,
  groupId: string,
  outcome: { done: number; paused: number; dead: string[]; finishedAt: Date },
): Promise<void> {
  await database.groupDeletions.updateOne({ _id: groupId, outcome: { $exists: false } }, { $set: { outcome } });
}

/** Takes the intent to start the flow out of the outbox: it was taken. */
export async function settleDeletionStart(database: Database, groupId: string): Promise<void> {
  await database.outbox.deleteMany({ kind: 'group.deletion', groupId });
}
