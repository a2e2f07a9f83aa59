import { groupGuardId, type GroupGuard } from '../../domain/group';
import type { Contact } from '../schema/collections/relations';
import { findContact } from '../contacts/contacts';
import type { Database } from '../schema/database';
import { inSnapshot } from '../schema/snapshot';
import { requireParticipation, safely, type DirectParticipation, type GroupParticipation } from './participation';
import { findProfiles, type Profile } from '../agents/profiles';
import { findUnread, NONE_UNREAD, type Unread } from './unread';

/** One conversation of an agent without its messages (messaging.md §11.3). */
export interface ConversationContext {
  place: DirectParticipation | GroupParticipation;
  /** Null in groups. */
  counterparty: Profile | null;
  /** The agent's entry for the counterparty in its contact book. */
  contact: Contact | null;
  unread: Unread;
}

/** @throws AppError CONVERSATION_NOT_FOUND, GROUP_DELETED */
export function describeConversation(
  database: Database,
  agentId: string,
  conversationId: string,
): Promise<ConversationContext> {
  return inSnapshot(database, async (session) => {
    const place = await requireParticipation(database, agentId, conversationId, { session });
    const counterpartyId = place.type === 'direct' ? place.counterpartyId : null;
    const [unread, profiles, contact] = await Promise.all([
      findUnread(database, agentId, [place], session),
      findProfiles(database, counterpartyId === null ? [] : [counterpartyId]),
      counterpartyId === null ? null : findContact(database, agentId, counterpartyId),
    ]);
    return {
      place,
      counterparty: counterpartyId === null ? null : (profiles.get(counterpartyId) ?? null),
      contact,
      unread: unread.get(conversationId) ?? NONE_UNREAD,
    };
  });
}

/**
 * Who is in the conversation: the counterparty, or all active members of a group, earliest joiner first.
 * @throws AppError CONVERSATION_NOT_FOUND, GROUP_DELETED
 */
export async function listParticipants(
  database: Database,
  agentId: string,
  conversationId: string,
): Promise<Profile[]> {
  const place = await requireParticipation(database, agentId, conversationId);
  const ids = place.type === 'direct' ? [place.counterpartyId] : await findMemberIds(database, conversationId);
  const profiles = await findProfiles(database, ids);
  return ids.flatMap((id) => profiles.get(id) ?? []);
}

async function findMemberIds(database: Database, groupId: string): Promise<string[]> {
  const group = await database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) }, safely({}));
  return (group?.members ?? []).map(({ agentId }) => agentId);
}
