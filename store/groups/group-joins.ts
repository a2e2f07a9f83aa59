import { decideAdd, type AddMode, type AddOutcome, type AddState } from '../../domain/group-add';
import type { GroupGuard } from '../../domain/group';
import { decideJoin } from '../../domain/group-changes';
import type { GroupDecision } from '../../domain/group-decision';
import { withMessage } from '../../domain/group-send';
import { inboxInId, pairId, type PairGuard } from '../../domain/guards';
import { newId } from '../../platform/ids';
import type { AgentCard } from '../agents/agents';
import type { Agent } from '../schema/collections/agents';
import type { Invitation } from '../schema/collections/groups';
import type { GroupChange } from '../sending/group-change';
import { actorOf, cardOf, type Reads } from './group-changes';
import { READ } from '../schema/reads';

/** What an add depends on, as it is now (not yet as the commit proves it): for the checks before the budget. */
export async function readAddState(
  { database }: Reads,
  group: GroupGuard | null,
  caller: Agent,
  target: Agent | null,
): Promise<AddState> {
  const pair =
    target === null || target._id === caller._id
      ? null
      : await database.guards.findOne<PairGuard>({ _id: pairId(caller._id, target._id) }, READ);
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
 * groups.md §6.2 as it is at the commit: block and contact are proved by the pair's guard, which the commit writes. A
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
    caller,
    guardIds: [pair, inboxInId(target._id)],
    joinerId: target._id,
    senders: () => senders,
    load: async () => {
      const [current, invitation] = await Promise.all([
        agents.findById(target._id),
        database.invitations.findOne({ groupId, inviteeId: target._id }, READ),
      ]);
      now = { target: current, invitation };
    },
    decide: (group, guards, at) => {
      const { blockedBy, contactsOf } = guards.pair(pair);
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
 * already only uses the invitation up. The value is the group as this commit leaves it: a deletion right behind it must
 * not make the answer a refusal.
 */
export function acceptChange(
  { database, agents }: Reads,
  invitation: Invitation,
  invitee: Agent,
): GroupChange<GroupGuard> {
  const { groupId, inviterId, inviterHandle } = invitation;
  const by = { id: inviterId, handle: inviterHandle };
  let senders = new Map<string, AgentCard>();
  let isPending = true;
  return {
    groupId,
    caller: invitee,
    guardIds: [inboxInId(invitee._id)],
    joinerId: invitee._id,
    senders: () => senders,
    load: async () => {
      const [row, cards] = await Promise.all([
        database.invitations.findOne({ _id: invitation._id }, READ),
        agents.loadCards([inviterId]),
      ]);
      isPending = row !== null;
      senders = cards;
    },
    decide: (group, _guards, now) => {
      if (group === null) return { kind: 'refused', code: 'INVITE_NOT_FOUND' };
      // A deletion removes invitations: whoever loses the race to it is told of the deletion.
      if (!isPending && group.deleted === null) return { kind: 'refused', code: 'INVITE_NOT_FOUND' };
      const decision = decideJoin(group, { joiner: actorOf(invitee), by, now });
      if (decision.kind === 'refused') return decision;
      if (decision.kind === 'unchanged') return { kind: 'unchanged', value: group };
      const { effects } = decision;
      return { ...decision, value: effects.notes.reduce((guard) => withMessage(guard, now).group, effects.group) };
    },
    extras: () => ({ deletesInvitationOf: invitee._id }),
  };
}

/** groups.md §5.9. Writes the group's guard, so that an acceptance at the same time finds the invitation or loses to this. */
export function rejectChange(
  { database }: Pick<Reads, 'database'>,
  { _id, groupId, inviteeId }: Invitation,
  invitee: Agent,
): GroupChange<null> {
  let isPending = true;
  return {
    groupId,
    caller: invitee,
    senders: () => new Map(),
    load: async () => {
      isPending = (await database.invitations.findOne({ _id }, READ)) !== null;
    },
    decide: (group) => {
      if (group === null || !isPending) return { kind: 'refused', code: 'INVITE_NOT_FOUND' };
      return { kind: 'changed', effects: { group: { ...group }, notes: [] }, value: null };
    },
    extras: () => ({ deletesInvitationOf: inviteeId }),
  };
}
