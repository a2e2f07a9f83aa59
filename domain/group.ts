import type { ErrorDetails } from '../contract/errors';

export type GroupRole = 'admin' | 'member';

/** An active member as the rules see it. Handles are retired for ever, so the copy here stays right. */
export interface GroupMember {
  agentId: string;
  handle: string;
  role: GroupRole;
  joinedAt: Date;
  /** The seq that the first message of this stay had, or will have: nothing before it is shown to the member. */
  joinedSeq: number;
}

/**
 * A group: the guard document of everything that happens in it. Sends, joins, leaves, roles, metadata and deletion
 * write it and expect its version, so they take effect one at a time. `_id` = `group:<group id>`.
 */
export interface GroupGuard {
  _id: string;
  v: number;
  groupId: string;
  name: string;
  description: string | null;
  /** An external URL; a managed avatar wins over it. */
  avatarUrl: string | null;
  avatarKey: string | null;
  /** Never changes, whoever leaves. */
  createdBy: string;
  createdAt: Date;
  updatedAt: Date;
  /** The seq that the next message gets; starts at 1. */
  nextSeq: number;
  lastMessageAt: Date | null;
  /** Active members, earliest joined first, ties by agent id; at most GROUP_MEMBERS_MAX. Empty once deleted. */
  members: GroupMember[];
  /** Size of `members`, for readers that do not load it. */
  memberCount: number;
  /**
   * By agent id, messages of a member's stay that it has no envelope of: its own, and those that came while its backlog
   * was full. No entry = none.
   */
  missed: Record<string, number>;
  /** Sends of all members together, counted in one calendar second (epoch seconds). */
  window: { second: number; count: number };
  deleted: GroupDeletedFacts | null;
  /**
   * The latest changes, newest last, at most CHANGE_IDS_KEPT: a process that lost the answer to its commit knows its own
   * write by it, although others have changed the group since. Absent: none.
   */
  changeIds?: string[];
}

export interface GroupDeletedFacts {
  at: Date;
  byId: string;
  byHandle: string;
}

/** What a message's context tells of its group. */
export interface GroupCard {
  name: string;
  memberCount: number;
}

export const groupGuardId = (groupId: string): string => `group:${groupId}`;

export function findMember(group: Pick<GroupGuard, 'members'>, agentId: string): GroupMember | null {
  return group.members.find((member) => member.agentId === agentId) ?? null;
}

/** As many as other processes commit while one of them loses its connection and asks again. */
const CHANGE_IDS_KEPT = 32;

/** The group as a change leaves it that is known by `changeId`. */
export function withChangeId(group: GroupGuard, changeId: string): GroupGuard {
  return { ...group, changeIds: [...(group.changeIds ?? []), changeId].slice(-CHANGE_IDS_KEPT) };
}

/** The group after a message that these members got no envelope of. */
export function withMissed(group: GroupGuard, agentIds: string[]): GroupGuard {
  const missed = { ...group.missed };
  for (const id of agentIds) missed[id] = (missed[id] ?? 0) + 1;
  return { ...group, missed };
}

export function hasAdmin(members: GroupMember[]): boolean {
  return members.some(({ role }) => role === 'admin');
}

/** `DeletedGroupInfo` of groups.md §3: exactly the three keys that published clients read. */
export function deletedInfo(groupId: string, deleted: GroupDeletedFacts): ErrorDetails {
  return { group_id: groupId, deleted_by_handle: deleted.byHandle, deleted_at: deleted.at.toISOString() };
}

/** The group as it is when it was just created: its creator is the only member and admin. */
export function newGroup(
  facts: Pick<GroupGuard, 'groupId' | 'name' | 'description' | 'avatarUrl'> & {
    creator: { id: string; handle: string };
    at: Date;
  },
): GroupGuard {
  const { creator, at, groupId, name, description, avatarUrl } = facts;
  return {
    _id: groupGuardId(groupId),
    v: 1,
    groupId,
    name,
    description,
    avatarUrl,
    avatarKey: null,
    createdBy: creator.id,
    createdAt: at,
    updatedAt: at,
    nextSeq: 1,
    lastMessageAt: null,
    members: [{ agentId: creator.id, handle: creator.handle, role: 'admin', joinedAt: at, joinedSeq: 1 }],
    memberCount: 1,
    missed: {},
    window: { second: 0, count: 0 },
    deleted: null,
  };
}
