import { randomBytes } from 'node:crypto';
import { decideAdd, type AddMode, type AddOutcome, type AddState } from '../domain/group-add';
import { newGroup, type GroupHead } from '../domain/group';
import {
  decideAvatar,
  decideDelete,
  decideDemote,
  decideJoin,
  decideLeave,
  decidePromote,
  decideRemove,
  decideUpdate,
  heirOf,
  type Actor,
  type GroupDecision,
  type GroupPatch,
} from '../domain/group-changes';
import { inboxInId, pairId, senderHeadId, type PairHead } from '../domain/heads';
import { newId } from '../platform/ids';
import type { AgentCard, AgentReader } from './agents';
import type { Agent } from './collections/agents';
import type { StoredAvatar } from './avatars';
import { membershipId, type Invitation } from './collections/groups';
import type { GroupChange } from './committer/group-change';
import { withTransaction, type Database } from './database';

interface Reads {
  database: Database;
  agents: AgentReader;
}

const cardOf = ({ _id, handle, displayName, isSystem }: Agent): [string, AgentCard] => [
  _id,
  { handle, displayName, isSystem },
];
const actorOf = ({ _id, handle }: Agent): Actor => ({ id: _id, handle });

/**
 * Stores a new group with its creator as its only member and admin. No message announces it. A crash leaves all of it
 * or nothing; a repeat is another group.
 */
export async function createGroup(
  database: Database,
  creator: Agent,
  facts: Pick<GroupHead, 'name' | 'description' | 'avatarUrl'> & { at: Date },
): Promise<GroupHead> {
  const group = newGroup({
    ...facts,
    groupId: newId('group'),
    avatarSalt: randomBytes(16).toString('hex'),
    creator: actorOf(creator),
  });
  const { groupId, createdAt: joinedAt } = group;
  await withTransaction(database, async (session) => {
    await database.heads.insertOne(group, { session });
    await database.memberships.insertOne(
      {
        _id: membershipId(groupId, creator._id),
        groupId,
        agentId: creator._id,
        role: 'admin',
        joinedAt,
        joinedSeq: 1,
        leftAt: null,
        own: 0,
        skipped: 0,
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
  decide: (group: GroupHead | null, now: Date) => GroupDecision<T>,
): GroupChange<T> {
  const senders = new Map([cardOf(caller)]);
  return { groupId, senders: () => senders, decide: (group, _heads, now) => decide(group, now) };
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
  options: { shownAvatar: (group: GroupHead) => string | null; onUnused: (blobKey: string | null) => void },
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
  decide: (group: GroupHead | null, now: Date) => GroupDecision<T>,
): GroupChange<T> {
  let before: string | null = null;
  let isMoved = false;
  return {
    ...simpleChange(groupId, caller, (group, now) => {
      const decision = decide(group, now);
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
    senders: () => senders,
    load: async (group) => {
      const heir = group === null ? null : heirOf(group, caller._id);
      const cards = heir === null ? new Map<string, AgentCard>() : await agents.loadCards([heir.agentId]);
      senders = new Map([cardOf(caller), ...cards]);
    },
    decide: (group, _heads, now) => decideLeave(group, { caller: actorOf(caller), now }),
  };
}

/** groups.md §5.14: who may delete depends on the creator's account, which the commit proves. */
export function deleteChange(groupId: string, caller: Agent, createdBy: string): GroupChange<{ deletedAt: Date }> {
  const senders = new Map([cardOf(caller)]);
  return {
    groupId,
    headIds: [senderHeadId(createdBy)],
    senders: () => senders,
    decide: (group, heads, now) => {
      const creatorStatus = heads.sender(createdBy)?.status ?? null;
      return decideDelete(group, { caller: actorOf(caller), creatorStatus, now });
    },
    extras: () => ({ guards: [senderHeadId(createdBy)] }),
  };
}

/** What an add depends on, as it is now (not yet as the commit proves it): for the checks before the budget. */
export async function readAddState(
  { database }: Reads,
  group: GroupHead | null,
  caller: Agent,
  target: Agent | null,
): Promise<AddState> {
  const pair =
    target === null || target._id === caller._id
      ? null
      : await database.heads.findOne<PairHead>({ _id: pairId(caller._id, target._id) }, { maxTimeMS: 5_000 });
  return {
    group,
    target: targetOf(target),
    isBlocked: (pair?.blockedBy.length ?? 0) > 0,
    isContact: target !== null && pair?.contactsOf.includes(target._id) === true,
    invitationId: null,
  };
}

function targetOf(target: Agent | null): AddState['target'] {
  if (target === null) return null;
  return { ...actorOf(target), status: target.status, groupInvitePolicy: target.settings.groupInvitePolicy };
}

/**
 * groups.md §6.2 as it is at the commit: block and contact are proved by the pair's head, which the commit writes. A
 * join answers a pending invitation too (D16).
 */
export function addChange(
  { database, agents }: Reads,
  groupId: string,
  { caller, target, mode }: { caller: Agent; target: Agent; mode: AddMode },
): GroupChange<AddOutcome> {
  const senders = new Map([cardOf(caller)]);
  const pair = pairId(caller._id, target._id);
  const newInvitationId = newId('invitation');
  let now: { target: Agent | null; invitation: Invitation | null } = { target, invitation: null };
  let outcome: AddOutcome['outcome'] | 'new' | null = null;
  return {
    groupId,
    headIds: [pair, inboxInId(target._id)],
    senders: () => senders,
    load: async () => {
      const [current, invitation] = await Promise.all([
        agents.findById(target._id),
        database.invitations.findOne({ groupId, inviteeId: target._id }, { maxTimeMS: 5_000 }),
      ]);
      now = { target: current, invitation };
    },
    decide: (group, heads, at) => {
      const { blockedBy, contactsOf } = heads.pair(pair);
      const state = {
        group,
        target: targetOf(now.target),
        isBlocked: blockedBy.length > 0,
        isContact: contactsOf.includes(target._id),
        invitationId: now.invitation?._id ?? null,
      };
      const decision = decideAdd(state, { caller: actorOf(caller), mode, now: at, newInvitationId });
      outcome = outcomeOf(decision);
      return decision;
    },
    extras: () => ({
      guards: [pair, inboxInId(target._id)],
      ...(outcome === 'joined' ? { deletesInvitationOf: target._id } : {}),
      ...(outcome === 'new' ? { newInvitation: newInvitation(newInvitationId, caller, target) } : {}),
    }),
  };
}

function outcomeOf(decision: GroupDecision<AddOutcome>): AddOutcome['outcome'] | 'new' | null {
  if (decision.kind === 'refused') return null;
  return decision.value.outcome === 'invited' && decision.value.isNew ? 'new' : decision.value.outcome;
}

function newInvitation(_id: string, caller: Agent, target: Agent) {
  return { _id, inviteeId: target._id, inviterId: caller._id, inviterHandle: caller.handle };
}

/**
 * groups.md §5.8: the invitee's own act is the consent, whatever became of the inviter. Somebody who is in the group
 * already only uses the invitation up.
 */
export function acceptChange(
  { database, agents }: Reads,
  invitation: Invitation,
  invitee: Agent,
): GroupChange<'joined' | 'already_member'> {
  const { groupId, inviterId, inviterHandle } = invitation;
  const by = { id: inviterId, handle: inviterHandle };
  let senders = new Map<string, AgentCard>();
  let isPending = true;
  return {
    groupId,
    headIds: [inboxInId(invitee._id)],
    senders: () => senders,
    load: async () => {
      const [row, cards] = await Promise.all([
        database.invitations.findOne({ _id: invitation._id }, { maxTimeMS: 5_000 }),
        agents.loadCards([inviterId]),
      ]);
      isPending = row !== null;
      senders = cards;
    },
    decide: (group, _heads, now) => {
      if (group === null) return { kind: 'refused', code: 'INVITE_NOT_FOUND' };
      // A deletion removes invitations: whoever loses the race to it is told of the deletion.
      if (!isPending && group.deleted === null) return { kind: 'refused', code: 'INVITE_NOT_FOUND' };
      return decideJoin(group, { joiner: actorOf(invitee), by, now });
    },
    extras: () => ({ deletesInvitationOf: invitee._id }),
  };
}

/** groups.md §5.9. Writes the group's head, so that an acceptance at the same time finds the invitation or loses to this. */
export function rejectChange({ database }: Reads, { _id, groupId, inviteeId }: Invitation): GroupChange<null> {
  let isPending = true;
  return {
    groupId,
    senders: () => new Map(),
    load: async () => {
      isPending = (await database.invitations.findOne({ _id }, { maxTimeMS: 5_000 })) !== null;
    },
    decide: (group) => {
      if (group === null || !isPending) return { kind: 'refused', code: 'INVITE_NOT_FOUND' };
      return { kind: 'changed', effects: { group: { ...group }, notes: [] }, value: null };
    },
    extras: () => ({ deletesInvitationOf: inviteeId }),
  };
}
