import { groupGuardId, type GroupGuard } from '../../domain/group';
import { senderGuardId, type PairGuard, type SenderGuard } from '../../domain/guards';
import { ID_PREFIX } from '../../contract/ids';
import { ofConversation } from '../schema/collections/guards';
import type { Database } from '../schema/database';
import { QUICK_READ } from '../schema/reads';

/**
 * Whom to tell that `agentId` is typing; null when it is no active participant of the conversation, or there is none.
 * Nobody while the agent is paused, or while one of a direct conversation's two blocks the other (realtime.md §4).
 */
export async function findTypingPeers(
  database: Database,
  agentId: string,
  conversationId: string,
): Promise<string[] | null> {
  const [sender, members] = await Promise.all([
    database.guards.findOne<SenderGuard>({ _id: senderGuardId(agentId) }, QUICK_READ),
    conversationId.startsWith(ID_PREFIX.group)
      ? membersOfGroup(database, conversationId)
      : membersOfPair(database, conversationId),
  ]);
  if (!members.ids.includes(agentId)) return null;
  return sender?.pausedByOwner !== 'none' || members.isBlocked ? [] : members.ids.filter((id) => id !== agentId);
}

async function membersOfPair(database: Database, conversationId: string) {
  const pair = await database.guards.findOne<PairGuard>(ofConversation(conversationId), {
    projection: { blockedBy: 1 },
    ...QUICK_READ,
  });
  return { ids: pair?._id.split(':').slice(1) ?? [], isBlocked: (pair?.blockedBy.length ?? 0) > 0 };
}

/** A deleted group has no members left. */
async function membersOfGroup(database: Database, groupId: string) {
  const group = await database.guards.findOne<Pick<GroupGuard, 'members'>>(
    { _id: groupGuardId(groupId) },
    { projection: { 'members.agentId': 1 }, ...QUICK_READ },
  );
  return { ids: group?.members.map((member) => member.agentId) ?? [], isBlocked: false };
}
