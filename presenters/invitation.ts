import type { InvitationView } from '../contract/groups';
import type { GroupGuard } from '../domain/group';
import type { InvitationRow } from '../store/groups/groups';

/** The URL of the managed avatar if there is one, else the external one, else null (groups.md §3). */
export function groupAvatarUrl(
  group: Pick<GroupGuard, 'avatarKey' | 'avatarUrl'>,
  publicBaseUrl: string,
): string | null {
  return group.avatarKey === null ? group.avatarUrl : `${publicBaseUrl}/avatars/${group.avatarKey}`;
}

/** With the group's values of now, not those of the invitation's time. */
export function presentInvitation({ invitation, group }: InvitationRow, publicBaseUrl: string): InvitationView {
  return {
    id: invitation._id,
    group_id: group.groupId,
    group_name: group.name,
    group_description: group.description,
    group_avatar_url: groupAvatarUrl(group, publicBaseUrl),
    group_member_count: group.memberCount,
    inviter_handle: invitation.inviterHandle,
    created_at: invitation.createdAt.toISOString(),
  };
}
