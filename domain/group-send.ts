import { BACKLOG_MAX, GROUP_SENDS_PER_SECOND } from '../contract/limits';
import type { ErrorCode } from '../contract/codes';
import { deletedInfo, findMember, type GroupGuard } from './group';
import type { InboxInGuard, SenderGuard } from './guards';
import { countedIn, openSecond, refuse, refuseSender, takeSlot, type Refusal } from './send';

/** Everything that the answer to a group send depends on (messaging.md §3.3, group column). */
export interface GroupSendState {
  sender: SenderGuard;
  /** Null: no such group. */
  group: GroupGuard | null;
  /** Of a deleted group: the sender was ever in it. */
  wasMember: boolean;
}

export interface GroupSendCommand {
  senderId: string;
  senderIsSystem: boolean;
  senderKeyVersion: number;
  now: Date;
  /** False lifts the request windows (`RATE_LIMITS=off`), never the other rules. */
  limitRate: boolean;
}

/** `group` is the guard with the group's slot taken, when the refusal came after that. */
export type GroupRefusal = Refusal & { group: GroupGuard | null };

export interface GroupAcceptance {
  kind: 'accepted';
  sender: SenderGuard;
  /** With the slot taken, before the message's seq is. */
  group: GroupGuard;
}

/**
 * Decides one group send: checks G2 to G8 of messaging.md §3.3 in their order. Pure; replays and attachments are looked
 * up by the caller. Blocks, inbox modes, cold outreach and restrictions do not act inside groups.
 */
export function decideGroupSend(
  state: GroupSendState,
  command: GroupSendCommand,
  attachmentRefusal: ErrorCode | null = null,
): GroupAcceptance | GroupRefusal {
  const { group } = state;
  const account = refuseSender(state.sender, command.senderKeyVersion);
  if (account !== null) return { ...account, group: null };
  if (group === null) return { ...refuse('GROUP_NOT_FOUND'), group: null };
  if (group.deleted !== null) {
    const gone = state.wasMember
      ? refuse('GROUP_DELETED', deletedInfo(group.groupId, group.deleted))
      : refuse('GROUP_NOT_FOUND');
    return { ...gone, group: null };
  }
  if (findMember(group, command.senderId) === null) return { ...refuse('GROUP_NOT_FOUND'), group: null };
  const { pausedByOwner } = state.sender;
  if (pausedByOwner !== 'none') {
    return { ...refuse('AGENT_PAUSED_BY_OWNER', { paused_by_owner: pausedByOwner }), group: null };
  }
  const rate = takeSlot(state.sender, command);
  if (rate.refusal !== null) return { ...rate.refusal, group: null };
  const taken = takeGroupSlot(group, command);
  if (taken.refusal !== null) return { ...taken.refusal, sender: rate.sender, group: null };
  if (attachmentRefusal !== null) return { ...refuse(attachmentRefusal), sender: rate.sender, group: taken.group };
  return { kind: 'accepted', sender: rate.sender, group: taken.group };
}

/** G6: 20 sends in a calendar second, all members together. */
function takeGroupSlot(
  group: GroupGuard,
  { now, limitRate }: Pick<GroupSendCommand, 'now' | 'limitRate'>,
): { group: GroupGuard; refusal: Refusal | null } {
  const nowMs = now.getTime();
  const second = openSecond(group.window, nowMs);
  const count = countedIn(group.window, now);
  if (limitRate && count >= GROUP_SENDS_PER_SECOND) {
    const waitMs = (second + 1) * 1000 - nowMs;
    const details = { retry_after_ms: waitMs, scope: 'group', limit: GROUP_SENDS_PER_SECOND };
    return { group, refusal: refuse('RATE_LIMITED', details, waitMs) };
  }
  return { group: { ...group, window: { second, count: count + 1 } }, refusal: null };
}

/** True when every further send of this second into the group, or by the sender, is refused. */
export function isWindowFull(
  { group, sender }: { group: GroupGuard | null; sender: SenderGuard | null },
  command: Pick<GroupSendCommand, 'now' | 'limitRate' | 'senderIsSystem'>,
): boolean {
  const isSpent = sender !== null && takeSlot(sender, command).refusal !== null;
  return isSpent || (group !== null && takeGroupSlot(group, command).refusal !== null);
}

/** The group after one more message. Time never runs against seq. */
export function withMessage(group: GroupGuard, now: Date): { group: GroupGuard; seq: number; createdAt: Date } {
  const createdAt = new Date(Math.max(now.getTime(), group.lastMessageAt?.getTime() ?? 0));
  const after = { ...group, nextSeq: group.nextSeq + 1, lastMessageAt: createdAt, updatedAt: createdAt };
  return { group: after, seq: group.nextSeq, createdAt };
}

/** True when the member gets no envelope because it holds too many that it did not take (messaging.md §6). */
export function isBacklogged(inbox: Pick<InboxInGuard, 'enqueued'>, dequeued: number): boolean {
  return inbox.enqueued - dequeued >= BACKLOG_MAX;
}
