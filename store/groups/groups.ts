import { AppError } from '../../contract/errors';
import { deletedInfo, findMember, groupGuardId, type GroupGuard, type GroupMember } from '../../domain/group';
import { membershipId, type Invitation } from '../schema/collections/groups';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';

/** Invitations that one list shows; nobody sorts through more. */
const LISTED_MAX = 1_000;

/** The group as it is majority-committed now, deleted or not. */
export function findGroup(database: Database, groupId: string): Promise<GroupGuard | null> {
  return database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) }, SAFE_READ);
}

/**
 * The group for a caller who is in it now.
 * @throws AppError GROUP_NOT_FOUND for everybody who must not learn that it exists, GROUP_DELETED for whoever was ever in it
 */
export async function getGroupOf(
  database: Database,
  groupId: string,
  agentId: string,
): Promise<{ group: GroupGuard; member: GroupMember }> {
  const group = await findGroup(database, groupId);
  if (group === null) throw new AppError('GROUP_NOT_FOUND');
  const member = findMember(group, agentId);
  if (member !== null) return { group, member };
  if (group.deleted === null || !(await wasEverMember(database, groupId, agentId))) {
    throw new AppError('GROUP_NOT_FOUND');
  }
  throw new AppError('GROUP_DELETED', deletedInfo(groupId, group.deleted));
}

async function wasEverMember(database: Database, groupId: string, agentId: string): Promise<boolean> {
  const row = await database.memberships.findOne(
    { _id: membershipId(groupId, agentId) },
    { ...SAFE_READ, projection: { _id: 1 } },
  );
  return row !== null;
}

/** A pending invitation with its group as it is now. */
export interface InvitationRow {
  invitation: Invitation;
  group: GroupGuard;
}

/** The agent's pending invitations, oldest first; none of deleted groups. */
export async function listInvitations(database: Database, inviteeId: string): Promise<InvitationRow[]> {
  const invitations = await database.invitations
    .find({ inviteeId }, { ...SAFE_READ, sort: { createdAt: 1, _id: 1 }, limit: LISTED_MAX })
    .toArray();
  if (invitations.length === 0) return [];
  const groups = await database.guards
    .find<GroupGuard>(
      { _id: { $in: invitations.map(({ groupId }) => groupGuardId(groupId)) } },
      { ...SAFE_READ, projection: { members: 0, missed: 0 } },
    )
    .toArray();
  const byId = new Map(groups.map((group) => [group.groupId, group]));
  return invitations.flatMap((invitation) => {
    const group = byId.get(invitation.groupId);
    return group === undefined || group.deleted !== null ? [] : [{ invitation, group }];
  });
}

/** An invitation that is the agent's own, or null. */
export async function findInvitation(
  database: Database,
  invitationId: string,
  inviteeId: string,
): Promise<Invitation | null> {
  const row = await database.invitations.findOne({ _id: invitationId }, READ);
  return row?.inviteeId === inviteeId ? row : null;
}
