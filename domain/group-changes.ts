import type { ErrorCode } from '../contract/codes';
import type { ErrorDetails } from '../contract/errors';
import { GROUP_MEMBERS_MAX } from '../contract/limits';
import { deletedInfo, findMember, hasAdmin, type GroupGuard, type GroupMember, type GroupRole } from './group';
import type { Actor, GroupDecision, SystemEvent, SystemNote, GroupEffects } from './group-decision';
import { isVisible, type AccountStatus } from './guards';

type Refused = Extract<GroupDecision<never>, { kind: 'refused' }>;

const refuse = (code: ErrorCode, details?: ErrorDetails, message?: string): Refused => ({
  kind: 'refused',
  code,
  details,
  message,
});

/**
 * groups.md §4 for a caller who was in the group when the call began: gone, not in it any more, or no admin.
 * Whoever never was in it is turned away before.
 */
export function refuseCaller(group: GroupGuard | null, callerId: string, needs: GroupRole): Refused | null {
  if (group === null) return refuse('GROUP_NOT_FOUND');
  if (group.deleted !== null) return refuse('GROUP_DELETED', deletedInfo(group.groupId, group.deleted));
  const member = findMember(group, callerId);
  if (member === null) return refuse('GROUP_NOT_FOUND');
  return needs === 'admin' && member.role !== 'admin' ? refuse('FORBIDDEN') : null;
}

/**
 * Somebody comes in, or back in with a new cut and as a plain member (groups.md §6.3). The message that says so is the
 * first that the joiner may see; it is attributed to who added or invited it.
 */
export function decideJoin(
  group: GroupGuard,
  { joiner, by, now }: { joiner: Actor; by: Actor; now: Date },
): GroupDecision<'joined' | 'already_member'> {
  if (group.deleted !== null) return refuse('GROUP_DELETED', deletedInfo(group.groupId, group.deleted));
  // A group that everybody left can never be joined again (groups.md §5.13): only an old invitation leads here.
  if (group.members.length === 0) return refuse('INVITE_NOT_FOUND');
  if (findMember(group, joiner.id) !== null) return { kind: 'unchanged', value: 'already_member' };
  if (group.members.length >= GROUP_MEMBERS_MAX) return refuse('GROUP_FULL', { max_members: GROUP_MEMBERS_MAX });
  const joined: GroupMember = {
    agentId: joiner.id,
    handle: joiner.handle,
    role: 'member',
    // Never before who is there already, whatever the clocks say: the order of joining is that of the list.
    joinedAt: new Date(Math.max(now.getTime(), group.members.at(-1)?.joinedAt.getTime() ?? 0)),
    joinedSeq: group.nextSeq,
  };
  const after = withMembers(group, [...group.members, joined].sort(byJoining), now);
  const event: SystemEvent = { event: 'member_joined', agent_handle: joiner.handle };
  return { kind: 'changed', value: 'joined', effects: { group: after, joined, notes: [noteOf(after, by, event)] } };
}

/** groups.md §5.10. `target` null: no such handle. */
export function decideRemove(
  group: GroupGuard | null,
  { caller, target, now }: { caller: Actor; target: Actor | null; now: Date },
): GroupDecision<null> {
  const refused = refuseCaller(group, caller.id, 'admin');
  if (refused !== null || group === null) return refused ?? refuse('GROUP_NOT_FOUND');
  if (target === null) return refuse('AGENT_NOT_FOUND');
  if (target.id === caller.id) return refuse('VALIDATION_ERROR', undefined, 'Leave the group instead');
  if (target.id === group.createdBy) return refuse('FORBIDDEN', undefined, 'The creator cannot be removed');
  if (findMember(group, target.id) === null) return refuse('NOT_MEMBER');
  const after = withMembers(group, without(group.members, target.id), now);
  const event: SystemEvent = { event: 'member_removed', agent_handle: target.handle, actor_handle: caller.handle };
  return changed({ group: after, left: [target.id], notes: [noteOf(after, caller, event)] });
}

/** groups.md §5.11: an admin already counts as no member that could be promoted (D12). */
export function decidePromote(
  group: GroupGuard | null,
  { caller, target, now }: { caller: Actor; target: Actor | null; now: Date },
): GroupDecision<null> {
  const refused = refuseCaller(group, caller.id, 'admin');
  if (refused !== null || group === null) return refused ?? refuse('GROUP_NOT_FOUND');
  if (target === null) return refuse('AGENT_NOT_FOUND');
  if (findMember(group, target.id)?.role !== 'member') return refuse('NOT_MEMBER');
  return setRole(group, target, 'admin', now, caller);
}

/** groups.md §5.12. */
export function decideDemote(
  group: GroupGuard | null,
  { caller, target, now }: { caller: Actor; target: Actor | null; now: Date },
): GroupDecision<null> {
  const refused = refuseCaller(group, caller.id, 'admin');
  if (refused !== null || group === null) return refused ?? refuse('GROUP_NOT_FOUND');
  if (target === null) return refuse('AGENT_NOT_FOUND');
  if (target.id === group.createdBy) return refuse('FORBIDDEN', undefined, 'The creator cannot be demoted');
  const member = findMember(group, target.id);
  if (member === null) return refuse('NOT_MEMBER');
  if (member.role !== 'admin') return refuse('NOT_ADMIN');
  if (!hasAdmin(without(group.members, target.id))) return refuse('LAST_ADMIN');
  return setRole(group, target, 'member', now, caller);
}

/** groups.md §5.13: whoever joined first becomes admin when the last admin goes. */
export function decideLeave(
  group: GroupGuard | null,
  { caller, now }: { caller: Actor; now: Date },
): GroupDecision<{ promotedHandle: string | null }> {
  const refused = refuseCaller(group, caller.id, 'member');
  if (refused !== null || group === null) return refused ?? refuse('GROUP_NOT_FOUND');
  const heir = heirOf(group, caller.id);
  const remaining = without(group.members, caller.id);
  const members = heir === null ? remaining : withRole(remaining, heir.agentId, 'admin');
  const after = withMembers(group, members, now);
  const notes = [noteOf(after, caller, { event: 'member_left', agent_handle: caller.handle })];
  if (heir !== null) {
    const sender = { id: heir.agentId, handle: heir.handle };
    notes.push(noteOf(after, sender, { event: 'admin_promoted', agent_handle: heir.handle, actor_handle: null }));
  }
  const roles = heir === null ? [] : [{ agentId: heir.agentId, role: 'admin' as const }];
  return {
    kind: 'changed',
    value: { promotedHandle: heir?.handle ?? null },
    effects: { group: after, left: [caller.id], roles, notes },
  };
}

/** Who becomes admin when `leaverId` goes; null when an admin remains or nobody does. */
export function heirOf(group: GroupGuard, leaverId: string): GroupMember | null {
  const remaining = without(group.members, leaverId);
  return hasAdmin(remaining) ? null : (remaining[0] ?? null);
}

/** What PATCH may change; an absent field stays. */
export interface GroupPatch {
  name?: string;
  description?: string | null;
  avatarUrl?: string | null;
}

/** groups.md §5.3: one system message per field whose visible value changed. */
export function decideUpdate(
  group: GroupGuard | null,
  { caller, patch, now }: { caller: Actor; patch: GroupPatch; now: Date },
  shownAvatar: (group: GroupGuard) => string | null,
): GroupDecision<null> {
  const refused = refuseCaller(group, caller.id, 'admin');
  if (refused !== null || group === null) return refused ?? refuse('GROUP_NOT_FOUND');
  const after: GroupGuard = {
    ...group,
    name: patch.name ?? group.name,
    description: patch.description === undefined ? group.description : patch.description,
    ...(patch.avatarUrl === undefined ? {} : { avatarUrl: patch.avatarUrl, avatarKey: null }),
  };
  const actor = { actor_handle: caller.handle };
  const events: SystemEvent[] = [];
  if (after.name !== group.name) events.push({ event: 'name_changed', new_name: after.name, ...actor });
  if (after.description !== group.description) events.push({ event: 'description_changed', ...actor });
  if (shownAvatar(after) !== shownAvatar(group)) events.push({ event: 'avatar_changed', ...actor });
  const isSame = events.length === 0 && after.avatarKey === group.avatarKey && after.avatarUrl === group.avatarUrl;
  if (isSame) return { kind: 'unchanged', value: null };
  const moved = { ...after, updatedAt: now };
  return changed({ group: moved, notes: events.map((event) => noteOf(moved, caller, event)) });
}

/** groups.md §5.4, §5.5: a managed avatar is set (also the same one again) or everything that is shown is taken away. */
export function decideAvatar(
  group: GroupGuard | null,
  { caller, avatarKey, now }: { caller: Actor; avatarKey: string | null; now: Date },
): GroupDecision<null> {
  const refused = refuseCaller(group, caller.id, 'admin');
  if (refused !== null || group === null) return refused ?? refuse('GROUP_NOT_FOUND');
  if (avatarKey === null && group.avatarKey === null && group.avatarUrl === null) return refuse('NOT_FOUND');
  const after = { ...group, avatarKey, avatarUrl: null, updatedAt: now };
  const note = noteOf(after, caller, { event: 'avatar_changed', actor_handle: caller.handle });
  return changed({ group: after, notes: [note] });
}

/** groups.md §5.14: the creator while its account is healthy, else any admin. The managed picture goes along. */
export function decideDelete(
  group: GroupGuard | null,
  { caller, creatorStatus, now }: { caller: Actor; creatorStatus: AccountStatus | null; now: Date },
): GroupDecision<{ deletedAt: Date }> {
  const refused = refuseCaller(group, caller.id, 'member');
  if (refused !== null || group === null) return refused ?? refuse('GROUP_NOT_FOUND');
  const isCreator = group.createdBy === caller.id;
  const isHealthy = creatorStatus !== null && isVisible(creatorStatus);
  if (!isCreator && findMember(group, caller.id)?.role !== 'admin') return refuse('FORBIDDEN');
  if (!isCreator && isHealthy) return refuse('FORBIDDEN', undefined, 'Only the creator can delete this group');
  const at = new Date(Math.max(now.getTime(), group.lastMessageAt?.getTime() ?? 0));
  const deleted = { at, byId: caller.id, byHandle: caller.handle };
  const after = { ...withMembers(group, [], at), deleted, avatarKey: null };
  const event: SystemEvent = { event: 'group_deleted', actor_handle: caller.handle };
  const recipients = without(group.members, caller.id);
  return {
    kind: 'changed',
    value: { deletedAt: at },
    effects: {
      group: after,
      left: group.members.map(({ agentId }) => agentId),
      notes: [{ sender: caller, event, recipients }],
      isDeletion: true,
    },
  };
}

const changed = (effects: GroupEffects): GroupDecision<null> => ({ kind: 'changed', effects, value: null });

function setRole(group: GroupGuard, target: Actor, role: GroupRole, now: Date, caller: Actor): GroupDecision<null> {
  const after = withMembers(group, withRole(group.members, target.id, role), now);
  const handles = { agent_handle: target.handle, actor_handle: caller.handle };
  const event: SystemEvent =
    role === 'admin' ? { event: 'admin_promoted', ...handles } : { event: 'admin_demoted', ...handles };
  return changed({ group: after, roles: [{ agentId: target.id, role }], notes: [noteOf(after, caller, event)] });
}

/** A member that leaves takes its count along: another stay starts at none. */
function withMembers(group: GroupGuard, members: GroupMember[], now: Date): GroupGuard {
  const counts = members.flatMap(({ agentId }): [string, number][] => {
    const count = group.missed[agentId];
    return count === undefined ? [] : [[agentId, count]];
  });
  return { ...group, members, memberCount: members.length, missed: Object.fromEntries(counts), updatedAt: now };
}

function withRole(members: GroupMember[], agentId: string, role: GroupRole): GroupMember[] {
  return members.map((member) => (member.agentId === agentId ? { ...member, role } : member));
}

const without = (members: GroupMember[], agentId: string): GroupMember[] =>
  members.filter((member) => member.agentId !== agentId);

function byJoining(one: GroupMember, other: GroupMember): number {
  const byTime = one.joinedAt.getTime() - other.joinedAt.getTime();
  return byTime !== 0 ? byTime : one.agentId < other.agentId ? -1 : 1;
}

/** To everybody who is in it after the change, but its sender. */
function noteOf(after: GroupGuard, sender: Actor, event: SystemEvent): SystemNote {
  return { sender, event, recipients: without(after.members, sender.id) };
}
