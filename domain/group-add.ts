import type { ErrorCode } from '../contract/codes';
import { findMember, type GroupGuard } from './group';
import { decideJoin, refuseCaller } from './group-changes';
import type { Actor, GroupDecision } from './group-decision';
import { isVisible, type AccountStatus, type InboxMode } from './guards';

/** Whether contacts are added at once or everybody is asked (groups.md D15). */
export type AddMode = 'auto_contacts' | 'consent';

/** Everything that the answer to an add depends on. */
export interface AddState {
  group: GroupGuard | null;
  /** Null: the handle was never registered. */
  target: (Actor & { status: AccountStatus; groupInvitePolicy: InboxMode }) | null;
  /** Either of the two blocks the other. */
  isBlocked: boolean;
  /** The target has saved the caller: consent belongs to the target (D14). */
  isContact: boolean;
  /** The pending invitation of the target to this group. */
  invitationId: string | null;
}

export type AddOutcome =
  { outcome: 'joined' | 'already_member' } | { outcome: 'invited'; invitationId: string; isNew: boolean };

/** groups.md §6.1 in one place: what an add that is allowed so far leads to. */
export function routeOfAdd(policy: InboxMode, isContact: boolean, mode: AddMode): 'join' | 'invite' | 'refuse' {
  if (policy === 'contacts_only' && !isContact) return 'refuse';
  return isContact && mode === 'auto_contacts' ? 'join' : 'invite';
}

/**
 * Checks 1 to 6 of groups.md §6.2: those before an add is counted.
 * @returns null when it goes on to the budget
 */
export function decideBeforeBudget(state: AddState, callerId: string): GroupDecision<AddOutcome> | null {
  const refused = refuseCaller(state.group, callerId, 'admin');
  if (refused !== null || state.group === null) return refused;
  const { target } = state;
  if (target === null || !isVisible(target.status)) return refusal('AGENT_NOT_FOUND');
  if (target.id === callerId) return refusal('VALIDATION_ERROR', 'You are in this group already');
  if (state.isBlocked) return refusal('BLOCKED');
  if (findMember(state.group, target.id) !== null) return { kind: 'unchanged', value: { outcome: 'already_member' } };
  return null;
}

/** The whole pipeline but the budget, as it is at the commit. A new invitation writes nothing of the group itself. */
export function decideAdd(
  state: AddState,
  command: { caller: Actor; mode: AddMode; now: Date; newInvitationId: string },
): GroupDecision<AddOutcome> {
  const early = decideBeforeBudget(state, command.caller.id);
  const { group, target } = state;
  if (early !== null || group === null || target === null) return early ?? refusal('GROUP_NOT_FOUND');
  const route = routeOfAdd(target.groupInvitePolicy, state.isContact, command.mode);
  if (route === 'refuse') return refusal('INBOX_RESTRICTED');
  if (route === 'invite') {
    if (state.invitationId !== null) {
      return { kind: 'unchanged', value: { outcome: 'invited', invitationId: state.invitationId, isNew: false } };
    }
    const value = { outcome: 'invited', invitationId: command.newInvitationId, isNew: true } as const;
    return { kind: 'changed', effects: { group: { ...group }, notes: [] }, value };
  }
  const joining = decideJoin(group, { joiner: target, by: command.caller, now: command.now });
  if (joining.kind === 'refused') return joining;
  return { ...joining, value: { outcome: joining.value } };
}

const refusal = (code: ErrorCode, message?: string): GroupDecision<never> => ({ kind: 'refused', code, message });
