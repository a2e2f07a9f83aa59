import {
  BACKLOG_MAX,
  BACKLOG_WARNING,
  COLD_OUTREACH_MAX,
  COLD_OUTREACH_WINDOW_MS,
  COLD_RETRY_AFTER_HEADER_MS_MAX,
  RESTRICTION_BLOCKS,
  RESTRICTION_WINDOW_HOURS,
  SENDS_PER_SECOND,
  SYSTEM_SENDS_PER_SECOND,
} from '../contract/limits';
import type { ErrorCode } from '../contract/codes';
import { suspensionReason } from './enforcement';
import { isVisible, type InboxInGuard, type PairGuard, type SenderGuard } from './guards';

/** Everything that the answer to a direct send depends on (messaging.md §3.3, direct column). */
export interface DirectSendState {
  sender: SenderGuard;
  /** Null: the handle was never registered. */
  recipient: { guard: InboxInGuard; dequeued: number } | null;
  pair: PairGuard;
}

/** A send as the rules see it: no text, only who, to whom and when. */
export interface DirectSendCommand {
  senderId: string;
  senderIsSystem: boolean;
  /** The version of the key that the caller authenticated with. */
  senderKeyVersion: number;
  recipientId: string;
  recipientHandle: string;
  /** Id for the conversation if this send creates it. */
  newConversationId: string;
  now: Date;
  /** False lifts the request window (`RATE_LIMITS=off`), never the other rules. */
  limitRate: boolean;
}

export interface Refusal {
  kind: 'refused';
  code: ErrorCode;
  details?: Record<string, unknown>;
  /** What `Retry-After` announces; absent = no header. */
  retryAfterMs?: number;
  /** The sender's guard with the slot taken, when the refusal came after the rate check. */
  sender: SenderGuard | null;
}

/** The guard documents after the send; the caller writes them together with message and envelope. */
export interface Acceptance {
  kind: 'accepted';
  conversationId: string;
  seq: number;
  position: number;
  createdAt: Date;
  /** Undelivered envelopes of the recipient before this one, when at or over the warning line. */
  backlog: number | null;
  /** True when this message is the reply that establishes the conversation. */
  establishes: boolean;
  /** The agent whose outstanding opener this reply settles; the two become contacts. Null also where one is a guest. */
  initiatorId: string | null;
  sender: SenderGuard;
  recipient: InboxInGuard;
  pair: PairGuard;
}

/**
 * Decides one direct send: checks D1 to D12 of messaging.md §3.3 in their order. Pure; replays (check 5) and
 * attachments (D9) are looked up by the caller, who passes `attachmentRefusal` to be placed in the order.
 * Nothing of a refused send persists but the taken slot.
 */
export function decideDirectSend(
  state: DirectSendState,
  command: DirectSendCommand,
  attachmentRefusal: ErrorCode | null = null,
): Acceptance | Refusal {
  const { recipient, pair } = state;
  const account = refuseByAccount(state, command);
  if (account !== null || recipient === null) return account ?? refuse('AGENT_NOT_FOUND');
  // The gateway has limits of its own for guests, and a person may ask twice.
  const isGuest = state.sender.guestOf !== undefined;
  const rate = isGuest ? { sender: state.sender, refusal: null } : takeSlot(state.sender, command);
  if (rate.refusal) return rate.refusal;
  const sender = pruneOpeners(rate.sender, command.now);
  // Nobody is a stranger to its guest: an agent may speak first, and again (gateway.md §7).
  const isWithGuest = isGuest || recipient.guard.guestOf !== undefined;
  const late =
    (isWithGuest ? null : refuseByColdCap(sender, pair, command)) ??
    (attachmentRefusal === null ? null : refuse(attachmentRefusal)) ??
    (isWithGuest ? null : refuseByAwaitingReply(pair, command)) ??
    refuseByBacklog(recipient, command);
  return late ? { ...late, sender } : accept({ sender, recipient, pair }, command);
}

/** A refusal before any slot was taken. */
export const refuse = (code: ErrorCode, details?: Record<string, unknown>, retryAfterMs?: number): Refusal => ({
  kind: 'refused',
  code,
  details,
  retryAfterMs,
  sender: null,
});

/** Check 1 as it is at the commit, then D1 to D6: who the two are to each other. */
function refuseByAccount(state: DirectSendState, command: DirectSendCommand): Refusal | null {
  const { sender, recipient, pair } = state;
  const early = refuseSender(sender, command.senderKeyVersion);
  if (early !== null) return early;
  if (recipient === null || !isVisible(recipient.guard.status)) return refuse('AGENT_NOT_FOUND');
  if (!mayMeet(sender.guestOf, command.recipientId)) return refuse('AGENT_NOT_FOUND');
  if (!mayMeet(recipient.guard.guestOf, command.senderId)) return refuse('AGENT_NOT_FOUND');
  if (command.recipientId === command.senderId) return refuse('VALIDATION_ERROR');
  if (sender.pausedByOwner !== 'none') {
    return refuse('AGENT_PAUSED_BY_OWNER', { paused_by_owner: sender.pausedByOwner });
  }
  if (pair.blockedBy.length > 0) return refuse('BLOCKED');
  const isToGuest = recipient.guard.guestOf !== undefined;
  if (sender.status === 'restricted' && pair.conversationId === null && !isToGuest) {
    return refuse('RESTRICTED', { threshold: RESTRICTION_BLOCKS, window_hours: RESTRICTION_WINDOW_HOURS });
  }
  // Whether a guest may write is decided where its turn begins (gateway.md §1.2).
  if (sender.guestOf !== undefined) return null;
  return admitsSender(recipient.guard, pair, command) ? null : refuse('INBOX_RESTRICTED');
}

/** A guest is there for its agents only (gateway.md §1.1). */
const mayMeet = (guestOf: string[] | undefined, agentId: string): boolean => guestOf?.includes(agentId) ?? true;

/** Authentication was some milliseconds ago: an old key or an ended account must not get a message in. */
export function refuseSender(sender: SenderGuard, keyVersion: number): Refusal | null {
  if (sender.status === 'deleted' || sender.keyVersion !== keyVersion) return refuse('UNAUTHORIZED');
  if (sender.status === 'suspended') return refuse('SUSPENDED', { reason: suspensionReason(sender.statusSource) });
  return null;
}

/** messaging.md §5 in one line: open, or in the recipient's book, or established, or the recipient started it. */
function admitsSender(recipient: InboxInGuard, pair: PairGuard, command: DirectSendCommand): boolean {
  return (
    recipient.inboxMode === 'open' ||
    pair.established ||
    pair.initiatedBy === command.recipientId ||
    pair.contactsOf.includes(command.recipientId)
  );
}

/**
 * The calendar second (since the epoch) whose window counts now. The node that opened the window may be a moment ahead of
 * this one: at the edge of a second it stays open for both, or they would reset it in turns.
 */
export function openSecond(window: { second: number }, nowMs: number): number {
  const second = Math.floor(nowMs / 1000);
  return window.second === second + 1 ? window.second : second;
}

/** What was counted in the second that is open at `now`. */
export function countedIn(window: { second: number; count: number }, now: Date): number {
  return window.second === openSecond(window, now.getTime()) ? window.count : 0;
}

/** D7: every attempt that gets here takes a slot of its calendar second; a full second is not counted further. */
export function takeSlot(
  sender: SenderGuard,
  command: Pick<DirectSendCommand, 'now' | 'senderIsSystem' | 'limitRate'>,
): { sender: SenderGuard; refusal: Refusal | null } {
  const nowMs = command.now.getTime();
  const second = openSecond(sender.window, nowMs);
  const count = countedIn(sender.window, command.now);
  const limit = command.senderIsSystem ? SYSTEM_SENDS_PER_SECOND : SENDS_PER_SECOND;
  if (command.limitRate && count >= limit) {
    const waitMs = (second + 1) * 1000 - nowMs;
    return { sender, refusal: refuse('RATE_LIMITED', { retry_after_ms: waitMs, scope: 'sender', limit }, waitMs) };
  }
  return { sender: { ...sender, window: { second, count: count + 1 } }, refusal: null };
}

/** The sender after `count` attempts of that calendar second that were refused elsewhere; of another second none counts. */
export function takeSlots(
  sender: SenderGuard,
  { second, count }: { second: number; count: number },
  command: Parameters<typeof takeSlot>[1],
): SenderGuard {
  if (openSecond(sender.window, command.now.getTime()) !== second) return sender;
  let after = sender;
  for (let taken = 0; taken < count; taken += 1) after = takeSlot(after, command).sender;
  return after;
}

function pruneOpeners(sender: SenderGuard, now: Date): SenderGuard {
  const since = now.getTime() - COLD_OUTREACH_WINDOW_MS;
  const coldOpeners = sender.coldOpeners.filter((opener) => opener.openedAt.getTime() >= since);
  return coldOpeners.length === sender.coldOpeners.length ? sender : { ...sender, coldOpeners };
}

/** D8: at most 100 unanswered openers within a rolling day. */
function refuseByColdCap(sender: SenderGuard, pair: PairGuard, command: DirectSendCommand): Refusal | null {
  const oldest = sender.coldOpeners[0];
  const current = sender.coldOpeners.length;
  if (pair.conversationId !== null || command.senderIsSystem) return null;
  if (oldest === undefined || current < COLD_OUTREACH_MAX) return null;
  const waitMs = Math.max(1, oldest.openedAt.getTime() + COLD_OUTREACH_WINDOW_MS - command.now.getTime());
  return refuse(
    'RATE_LIMITED',
    { retry_after_ms: waitMs, scope: 'cold_outreach', limit: COLD_OUTREACH_MAX, current },
    waitMs <= COLD_RETRY_AFTER_HEADER_MS_MAX ? waitMs : undefined,
  );
}

/** D11: an initiator has one message until the other side answers. */
function refuseByAwaitingReply(pair: PairGuard, command: DirectSendCommand): Refusal | null {
  if (pair.conversationId === null || pair.established || command.senderIsSystem) return null;
  if (pair.initiatedBy !== command.senderId) return null;
  return refuse('AWAITING_REPLY', {
    recipient_handle: command.recipientHandle,
    waiting_since: pair.createdAt?.toISOString(),
  });
}

/** D12: a recipient holds at most 10,000 undelivered envelopes. */
function refuseByBacklog(
  recipient: { guard: InboxInGuard; dequeued: number },
  command: DirectSendCommand,
): Refusal | null {
  const undelivered = recipient.guard.enqueued - recipient.dequeued;
  if (undelivered < BACKLOG_MAX) return null;
  return refuse('RECIPIENT_BACKLOGGED', {
    recipient_handle: command.recipientHandle,
    undelivered_count: undelivered,
  });
}

/** D13: the guard documents after the write. Time never runs against seq. */
function accept(
  state: { sender: SenderGuard; recipient: { guard: InboxInGuard; dequeued: number }; pair: PairGuard },
  command: DirectSendCommand,
): Acceptance {
  const { pair, recipient } = state;
  const isFirst = pair.conversationId === null;
  const createdAt = new Date(Math.max(command.now.getTime(), pair.lastMessageAt?.getTime() ?? 0));
  const establishes = !isFirst && !pair.established && pair.initiatedBy !== command.senderId;
  const isWithGuest = state.sender.guestOf !== undefined || recipient.guard.guestOf !== undefined;
  const makesContacts = establishes && !isWithGuest;
  const conversationId = pair.conversationId ?? command.newConversationId;
  const undelivered = recipient.guard.enqueued - recipient.dequeued;
  return {
    kind: 'accepted',
    conversationId,
    seq: pair.nextSeq,
    position: recipient.guard.nextPosition,
    createdAt,
    backlog: undelivered >= BACKLOG_WARNING ? undelivered : null,
    establishes,
    initiatorId: makesContacts ? command.recipientId : null,
    sender:
      isFirst && !command.senderIsSystem && !isWithGuest ? withOpener(state.sender, pair._id, createdAt) : state.sender,
    recipient: {
      ...recipient.guard,
      nextPosition: recipient.guard.nextPosition + 1,
      enqueued: recipient.guard.enqueued + 1,
    },
    pair: {
      ...pair,
      conversationId,
      createdAt: pair.createdAt ?? createdAt,
      updatedAt: createdAt,
      lastMessageAt: createdAt,
      nextSeq: pair.nextSeq + 1,
      initiatedBy: pair.initiatedBy ?? command.senderId,
      established: pair.established || establishes,
      sent: { ...pair.sent, [command.senderId]: (pair.sent[command.senderId] ?? 0) + 1 },
      listedFor: pair.listedFor.length === 2 ? pair.listedFor : [command.senderId, command.recipientId].sort(),
      contactsOf: makesContacts ? [command.senderId, command.recipientId].sort() : pair.contactsOf,
    },
  };
}

function withOpener(sender: SenderGuard, pairIdOpened: string, openedAt: Date): SenderGuard {
  return { ...sender, coldOpeners: [...sender.coldOpeners, { pairId: pairIdOpened, openedAt }] };
}

/** The initiator's guard once its opener was answered: the slot is free again. */
export function settleOpener(initiator: SenderGuard, pairIdAnswered: string): SenderGuard {
  const coldOpeners = initiator.coldOpeners.filter((opener) => opener.pairId !== pairIdAnswered);
  return coldOpeners.length === initiator.coldOpeners.length ? initiator : { ...initiator, coldOpeners };
}
