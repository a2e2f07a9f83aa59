import { AppError } from '../../contract/errors';
import { emptyPair, pairId, takesMessageIntents } from '../../domain/guards';
import { goesOn, partOf } from '../../domain/split-replies';
import { decideDirectSend, settleOpener, takeSlots, type Acceptance, type Refusal } from '../../domain/send';
import { newId, newOutboxId } from '../../platform/ids';
import type { AgentCard } from '../agents/agents';
import type { Message } from '../schema/collections/messages';
import type { Contact } from '../schema/collections/relations';
import { deliveryId } from '../schema/delivery-ids';
import { decideChange, decideGroupItem } from './decide-groups';
import { refer, refuseAttachment } from './attachments';
import type { DirectItem, LaneItem, SendItem, SlotsItem } from './items';
import {
  cardOf,
  emptyPlan,
  newEnvelope,
  newMessage,
  newMessageIntent,
  type DecideOptions,
  type SendPlan,
  type Settled,
} from './plan';
import type { BatchState } from './send-state';
import type { SendOutcome } from './send-types';
import { watchChanged, noteReceived, noteSent } from './owner-notes';

/**
 * Decides a batch in its order; each send sees the effect of the ones before it. Touches nothing but `state.guards`.
 * From a cached state only plain acceptances are decided, for these write all that they rest on, so that the commit
 * proves them. A refusal, and a count that is shown to the caller, need a fresh state: such items get no outcome.
 */
export function decideSends(items: LaneItem[], state: BatchState, options: DecideOptions): SendPlan {
  const plan = emptyPlan();
  for (const item of items) {
    const outcome = decideOne(item, state, options, plan);
    if (outcome !== null) plan.outcomes.set(item, outcome);
  }
  return plan;
}

function decideOne(item: LaneItem, state: BatchState, options: DecideOptions, plan: SendPlan): Settled | null {
  if (item.kind === 'change') return decideChange(item, state, options, plan);
  if (item.kind === 'slots') return decideSlots(item, state, options);
  const replay = state.replays.get(item.clientKeyText);
  if (replay !== undefined) return answerReplay(item, replay, state);
  return item.kind === 'group'
    ? decideGroupItem(item, state, options, plan)
    : decideDirectItem(item, state, options, plan);
}

/** After a lost answer they may be taken twice, which costs the sender no more than that second. */
function decideSlots(
  { sender, second, count }: SlotsItem,
  state: BatchState,
  { now, limitRate }: DecideOptions,
): Settled {
  const guard = state.guards.sender(sender.id);
  const command = { now, limitRate, senderIsSystem: sender.isSystem };
  if (guard !== null) state.guards.put(takeSlots(guard, { second, count }, command));
  return { kind: 'decided', isEarlier: false };
}

function answerReplay(item: SendItem, replay: Message, state: BatchState): SendOutcome {
  if (item.command.sender.isCached) return { kind: 'unproven' };
  // Found by its commit id, it is our own write whose answer was lost: the caller's first answer is a 201.
  const own = item.commitIds.has(replay.commitId) && !state.answered.has(replay._id);
  state.answered.add(replay._id);
  if (!own) return { kind: 'replayed', message: replay };
  const skipped = item.kind === 'group' ? (item.skippedBy.get(replay.commitId) ?? []) : [];
  const group = item.kind === 'group' ? state.guards.group(item.command.groupId) : null;
  return { kind: 'accepted', message: replay, sender: cardOf(item, state), backlog: null, group, skipped };
}

function decideDirectItem(
  item: DirectItem,
  state: BatchState,
  options: DecideOptions,
  plan: SendPlan,
): SendOutcome | AppError | null {
  const { isCached } = item.command.sender;
  const decision = decide(item, state, options);
  // A restricted caller is evaluated first, which is part of the look-up.
  if (isCached && (decision.kind === 'refused' || decision.sender.status !== 'active')) return { kind: 'unproven' };
  if (state.isCached && (decision.kind === 'refused' || decision.backlog !== null)) return null;
  if (decision.kind === 'refused') {
    if (decision.sender !== null) state.guards.put(decision.sender);
    const message = decision.code === 'VALIDATION_ERROR' ? 'You cannot write to yourself' : undefined;
    return new AppError(decision.code, decision.details, decision.retryAfterMs, message);
  }
  return applyAcceptance(item, decision, state, options, plan);
}

function decide(item: DirectItem, state: BatchState, options: DecideOptions): Acceptance | Refusal {
  const { sender, to } = item.command;
  const recipientId = state.recipientIds.get(to);
  const guard = recipientId === undefined ? null : state.guards.inboxIn(recipientId);
  const senderGuard = state.guards.sender(sender.id);
  if (senderGuard === null) throw new Error('the sender has no guard document');
  return decideDirectSend(
    {
      sender: senderGuard,
      recipient:
        recipientId === undefined || guard === null
          ? null
          : { guard, dequeued: state.guards.inboxOut(recipientId)?.dequeued ?? 0 },
      pair: recipientId === undefined ? emptyPair('') : state.guards.pair(pairId(sender.id, recipientId)),
    },
    {
      senderId: sender.id,
      senderIsSystem: sender.isSystem,
      senderKeyVersion: sender.keyVersion,
      recipientId: recipientId ?? '',
      recipientHandle: to,
      newConversationId: newId('directConversation'),
      now: options.now,
      limitRate: options.limitRate,
    },
    refuseAttachment(item, { kind: 'direct', recipientId: recipientId ?? '' }, state),
  );
}

function applyAcceptance(
  item: DirectItem,
  decision: Acceptance,
  state: BatchState,
  options: DecideOptions,
  plan: SendPlan,
): SendOutcome {
  const { sender } = item.command;
  const recipientId = state.recipientIds.get(item.command.to) ?? '';
  state.guards.put(decision.sender);
  state.guards.put(decision.recipient);
  state.guards.put(decision.pair);
  if (decision.initiatorId !== null) {
    const initiator = state.guards.sender(decision.initiatorId);
    if (initiator !== null) state.guards.put(settleOpener(initiator, decision.pair._id));
    const [one, other] = [sender, { id: recipientId, handle: item.command.to }];
    plan.contacts.push(newContact(one, other, decision), newContact(other, one, decision));
    watchChanged(plan, decision.sender, { agentHandle: sender.handle, scopes: ['contacts'] });
    watchChanged(plan, decision.recipient, { agentHandle: other.handle, scopes: ['contacts'] });
  }
  const { conversationId, seq, createdAt } = decision;
  const message = newMessage(item, { conversationId, seq, createdAt, recipientId, commitId: options.commitId });
  const reception = { recipientId, senderId: sender.id, conversationId: message.conversationId };
  const muted = state.mutes.silences(reception, message.createdAt);
  refer(item, { kind: 'direct', recipientId }, message.createdAt, state);
  const card = cardOf(item, state);
  plan.messages.push(message);
  // Before the recipient's: who owns both sees the sender's first (dashboard#15).
  noteSent(plan, message, state);
  const handed = { message, decision, recipientId, muted };
  if (decision.recipient.guestOf !== undefined) handToTurn(plan, handed);
  else if (item.command.isHeard === true) keepHeard(plan, handed);
  else handToInbox(plan, { ...handed, card });
  // A second item of this batch with the same key is a replay of this one.
  state.replays.set(item.clientKeyText, message);
  state.answered.add(message._id);
  return { kind: 'accepted', message, sender: card, backlog: decision.backlog, group: null, skipped: [] };
}

interface HandedOver {
  message: Message;
  decision: Acceptance;
  recipientId: string;
  muted: boolean;
}

/** The recipient's envelope, its sockets and webhooks. */
function handToInbox(plan: SendPlan, { card, ...handed }: HandedOver & { card: AgentCard }): void {
  const { message, decision, recipientId, muted } = handed;
  const { position, recipient } = decision;
  plan.envelopes.push(newEnvelope(message, { recipientId, position, muted }));
  if (takesMessageIntents(recipient) && !muted) plan.outbox.push(newMessageIntent(message, recipient, position));
  plan.committed.push({
    recipientId,
    pausedByOwner: recipient.pausedByOwner,
    row: {
      position,
      deliveryId: deliveryId(recipientId, recipient.salt, position),
      muted,
      message,
      sender: card,
      group: null,
    },
  });
  noteReceived(plan, recipient, { message, agentId: recipientId, position });
}

/**
 * What an agent writes to a guest is with its recipient at once: the gateway itself reads for guests, in the session's
 * history. Which turn it answers is settled behind this commit; the row makes that certain.
 */
function handToTurn(plan: SendPlan, { message, decision, recipientId, muted }: HandedOver): void {
  const { _id: messageId, seq, createdAt } = message;
  // The parse point of the metadata that the call's schema let in.
  const isPart = goesOn(partOf(JSON.parse(message.metadata) as Record<string, unknown>));
  plan.envelopes.push({
    ...newEnvelope(message, { recipientId, position: decision.position, muted }),
    status: 'delivered',
    deliveredAt: createdAt,
    ...(isPart ? { isPart } : {}),
  });
  plan.outbox.push({ _id: newOutboxId(), kind: 'turn.replied', guestId: recipientId, messageId, seq, createdAt });
  plan.replies.push({ guestId: recipientId });
}

/**
 * A line of a talk by its user: the agent has heard it, so it is in its history and goes to no socket or webhook. The row
 * makes certain that it is counted.
 */
function keepHeard(plan: SendPlan, { message, decision, recipientId, muted }: HandedOver): void {
  const { _id: messageId, senderId: guestId, seq, createdAt } = message;
  const { position, recipient } = decision;
  const envelope = newEnvelope(message, { recipientId, position, muted });
  plan.envelopes.push({ ...envelope, status: 'delivered', deliveredAt: createdAt, isHeard: true });
  plan.outbox.push({ _id: newOutboxId(), kind: 'turn.replied', guestId, messageId, seq, createdAt });
  plan.replies.push({ guestId });
  noteReceived(plan, recipient, { message, agentId: recipientId, position });
}

/** Both are reachable at this commit, or it would have been refused: neither is hidden. */
function newContact(
  owner: { id: string },
  contact: { id: string; handle: string },
  { createdAt: addedAt }: Acceptance,
): Contact {
  return {
    _id: `${owner.id}:${contact.id}`,
    ownerId: owner.id,
    contactId: contact.id,
    handle: contact.handle,
    note: null,
    addedAt,
    isHidden: false,
  };
}
