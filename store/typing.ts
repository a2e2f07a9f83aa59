import { groupHeadId, type GroupHead } from '../domain/group';
import { senderHeadId, type PairHead, type SenderHead } from '../domain/heads';
import { ID_PREFIX } from '../contract/ids';
import type { Database } from './database';

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
    database.heads.findOne<SenderHead>({ _id: senderHeadId(agentId) }, { maxTimeMS: 2_000 }),
    conversationId.startsWith(ID_PREFIX.group)
      ? membersOfGroup(database, conversationId)
      : membersOfPair(database, conversationId),
  ]);
  if (!members.ids.includes(agentId)) return null;
  return sender?.pausedByOwner !== 'none' || members.isBlocked ? [] : members.ids.filter((id) => id !== agentId);
}

async function membersOfPair(database: Database, conversationId: string) {
  const pair = await database.heads.findOne<PairHead>(
    { conversationId },
    { projection: { blockedBy: 1 }, maxTimeMS: 2_000 },
  );
  return { ids: pair?._id.split(':').slice(1) ?? [], isBlocked: (pair?.blockedBy.length ?? 0) > 0 };
}

/** A deleted group has no members left. */
async function membersOfGroup(database: Database, groupId: string) {
  const group = await database.heads.findOne<Pick<GroupHead, 'members'>>(
    { _id: groupHeadId(groupId) },
    { projection: { 'members.agentId': 1 }, maxTimeMS: 2_000 },
  );
  return { ids: group?.members.map((member) => member.agentId) ?? [], isBlocked: false };
}
