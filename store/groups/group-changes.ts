import { newGroup, type GroupGuard } from '../../domain/group';
import {
  decideAvatar,
  decideDelete,
  decideDemote,
  decideLeave,
  decidePromote,
  decideRemove,
  decideUpdate,
  heirOf,
  type GroupPatch,
} from '../../domain/group-changes';
import type { Actor, GroupDecision } from '../../domain/group-decision';
import { senderGuardId } from '../../domain/guards';
import { newId } from '../../platform/ids';
import type { AgentCard, AgentReader } from '../agents/agents';
import type { Agent } from '../schema/collections/agents';
import type { StoredAvatar } from '../agents/avatars';
import { membershipId } from '../schema/collections/groups';
import type { GroupChange } from '../sending/group-change';
import type { GuardSet } from '../sending/guard-set';
import type { AvatarMove } from '../sending/items';
import { withTransactionBy } from '../schema/prove-caller';
import type { Database } from '../schema/database';

/** What changes read. */
export interface Reads {
  database: Database;
  agents: AgentReader;
}

export const cardOf = ({ _id, handle, displayName, isSystem }: Agent): [string, AgentCard] => [
  _id,
  { handle, displayName, isSystem },
];
export const actorOf = ({ _id, handle }: Agent): Actor => ({ id: _id, handle });

/**
 * Stores a new group with its creator as its only member and admin. No message announces it. A crash leaves all of it
 * or nothing; a repeat is another group.
 * @throws AppError UNAUTHORIZED, SUSPENDED when the creator's key or account ended since it was read
 */
export async function createGroup(
  database: Database,
  creator: Agent,
  facts: Pick<GroupGuard, 'name' | 'description' | 'avatarUrl'> & { at: Date },
): Promise<GroupGuard> {
  const group = newGroup({
    ...facts,
    groupId: newId('group'),
    creator: actorOf(creator),
  });
  const { groupId, createdAt: joinedAt } = group;
  await withTransactionBy(database, creator, async (session) => {
    await database.guards.insertOne(group, { session });
    await database.memberships.insertOne(
      {
        _id: membershipId(groupId, creator._id),
        groupId,
        agentId: creator._id,
        role: 'admin',
        joinedAt,
        joinedSeq: 1,
        leftAt: null,
      },
      { session },
    );
  });
  return group;
}

/** A change by one member that needs no rows besides the group. */
function simpleChange<T>(
  groupId: string,
  caller: Agent,
  decide: (group: GroupGuard | null, now: Date, guards: GuardSet) => GroupDecision<T>,
): GroupChange<T> {
  const senders = new Map([cardOf(caller)]);
  return { groupId, caller, senders: () => senders, decide: (group, guards, now) => decide(group, now, guards) };
}

/** groups.md §5.10 to §5.12; `target` null: no such handle. */
export function memberChange(
  kind: 'remove' | 'promote' | 'demote',
  groupId: string,
  caller: Agent,
  target: Agent | null,
): GroupChange<null> {
  const decide = { remove: decideRemove, promote: decidePromote, demote: decideDemote }[kind];
  const who = { caller: actorOf(caller), target: target === null ? null : actorOf(target) };
  return simpleChange(groupId, caller, (group, now) => decide(group, { ...who, now }));
}

/**
 * groups.md §5.3. `shownAvatar`: the URL that the group shows.
 * @param onUnused gets the object that nothing shows any more, once it is known
 */
export function updateChange(
  groupId: string,
  caller: Agent,
  patch: GroupPatch,
  options: { shownAvatar: (group: GroupGuard) => string | null; onUnused: (blobKey: string | null) => void },
): GroupChange<null> {
  return pictureChange(groupId, caller, { after: null, onUnused: options.onUnused }, (group, now) =>
    decideUpdate(group, { caller: actorOf(caller), patch, now }, options.shownAvatar),
  );
}

/** groups.md §5.4 and §5.5; `after` null takes the avatar away. */
export function avatarChange(
  groupId: string,
  caller: Agent,
  picture: { after: StoredAvatar | null; onUnused: (blobKey: string | null) => void },
): GroupChange<null> {
  const avatarKey = picture.after?.key ?? null;
  return pictureChange(groupId, caller, picture, (group, now) =>
    decideAvatar(group, { caller: actorOf(caller), avatarKey, now }),
  );
}

/** A change whose commit moves the managed picture too, when the group's key of it changes or is set again. */
function pictureChange<T>(
  groupId: string,
  caller: Agent,
  { after, onUnused }: { after: StoredAvatar | null; onUnused: (blobKey: string | null) => void },
  decide: (group: GroupGuard | null, now: Date, guards: GuardSet) => GroupDecision<T>,
): GroupChange<T> & { extras: () => { avatar?: AvatarMove } } {
  let before: string | null = null;
  let isMoved = false;
  return {
    ...simpleChange(groupId, caller, (group, now, guards) => {
      const decision = decide(group, now, guards);
      before = group?.avatarKey ?? null;
      const key = decision.kind === 'changed' ? decision.effects.group.avatarKey : before;
      isMoved = after !== null || key !== before;
      return decision;
    }),
    extras: () => (isMoved ? { avatar: { before, after, onUnused } } : {}),
  };
}

/** groups.md §5.13. */
export function leaveChange(
  { agents }: Reads,
  groupId: string,
  caller: Agent,
): GroupChange<{ promotedHandle: string | null }> {
  let senders = new Map([cardOf(caller)]);
  return {
    groupId,
    caller,
    senders: () => senders,
    load: async (group) => {
      const heir = group === null ? null : heirOf(group, caller._id);
      const cards = heir === null ? new Map<string, AgentCard>() : await agents.loadCards([heir.agentId]);
      senders = new Map([cardOf(caller), ...cards]);
    },
    decide: (group, _guards, now) => decideLeave(group, { caller: actorOf(caller), now }),
  };
}

/**
 * groups.md §5.14: who may delete depends on the creator's account, which the commit proves. The row of the managed
 * picture goes in the cut-over, so nobody sees the picture of a group that is gone.
 * @param onUnused gets the picture's object, once it is known; one that nobody removes then is swept up later
 */
export function deleteChange(
  groupId: string,
  caller: Agent,
  createdBy: string,
  onUnused: (blobKey: string | null) => void,
): GroupChange<{ deletedAt: Date }> {
  const change = pictureChange(groupId, caller, { after: null, onUnused }, (group, now, guards) => {
    const creatorStatus = guards.sender(createdBy)?.status ?? null;
    return decideDelete(group, { caller: actorOf(caller), creatorStatus, now });
  });
  return {
    ...change,
    guardIds: [senderGuardId(createdBy)],
    extras: () => ({ ...change.extras(), guards: [senderGuardId(createdBy)] }),
  };
}
