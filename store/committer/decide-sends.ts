import { AppError } from '../../contract/errors';
import { emptyPair, pairId } from '../../domain/heads';
import { decideDirectSend, settleOpener, type Acceptance, type Refusal } from '../../domain/send';
import { newId, newOutboxId } from '../../platform/ids';
import { envelopeId, type Envelope, type Message } from '../collections/messages';
import type { Contact } from '../collections/relations';
import type { AgentCard } from '../agents';
import type { OutboxRow } from '../collections/outbox';
import { deliveryId } from '../delivery-ids';
import type { BatchState, SendItem } from './send-state';
import type { Committed, SendOutcome } from './send-types';

/** What one commit writes besides the changed heads, and what its items are told once it is durable. */
export interface SendPlan {
  messages: Message[];
  envelopes: Envelope[];
  contacts: Contact[];
  outbox: OutboxRow[];
  committed: Committed[];
  /** Items that are missing here need a fresh state (see `decideSends`). */
  outcomes: Map<SendItem, SendOutcome | AppError>;
}

export interface DecideOptions {
  now: Date;
  commitId: string;
  limitRate: boolean;
}

/**
 * Decides a batch in its order; each send sees the effect of the ones before it. Touches nothing but `state.heads`.
 * From a cached state only plain acceptances are decided, for these write all that they rest on, so that the commit
 * proves them. A refusal, and a count that is shown to the caller, need a fresh state: such items get no outcome.
 */
export function decideSends(items: SendItem[], state: BatchState, options: DecideOptions): SendPlan {
  const plan: SendPlan = {
    messages: [],
    envelopes: [],
    contacts: [],
    outbox: [],
    committed: [],
    outcomes: new Map(),
  };
  for (const item of items) {
    const outcome = decideOne(item, state, options, plan);
    if (outcome !== null) plan.outcomes.set(item, outcome);
  }
  return plan;
}

function decideOne(
  item: SendItem,
  state: BatchState,
  options: DecideOptions,
  plan: SendPlan,
): SendOutcome | AppError | null {
  const { isRecalled } = item.command.sender;
  const replay = state.replays.get(item.clientKeyText);
  if (replay !== undefined) {
    if (isRecalled) return { kind: 'unproven' };
    // Found by its commit id, it is our own write whose answer was lost: the caller's first answer is a 201.
    const own = item.commitIds.has(replay.commitId) && !state.answered.has(replay._id);
    state.answered.add(replay._id);
    if (!own) return { kind: 'replayed', message: replay };
    return { kind: 'accepted', message: replay, sender: cardOf(item, state), backlog: null };
  }
  const decision = decide(item, state, options);
  if (decision.kind === 'refused' && isRecalled) return { kind: 'unproven' };
  if (state.isCached && (decision.kind === 'refused' || decision.backlog !== null)) return null;
  if (decision.kind === 'refused') {
    if (decision.sender !== null) state.heads.put(decision.sender);
    const message = decision.code === 'VALIDATION_ERROR' ? 'You cannot write to yourself' : undefined;
    return new AppError(decision.code, decision.details, decision.retryAfterMs, message);
  }
  return applyAcceptance(item, decision, state, options, plan);
}

function decide(item: SendItem, state: BatchState, options: DecideOptions): Acceptance | Refusal {
  const { sender, to } = item.command;
  const recipientId = state.recipientIds.get(to);
  const head = recipientId === undefined ? null : state.heads.inboxIn(recipientId);
  const senderHead = state.heads.sender(sender.id);
  if (senderHead === null) throw new Error('the sender has no guarding document');
  return decideDirectSend(
    {
      sender: senderHead,
      recipient:
        recipientId === undefined || head === null
          ? null
          : { head, dequeued: state.heads.inboxOut(recipientId)?.dequeued ?? 0 },
      pair: recipientId === undefined ? emptyPair('') : state.heads.pair(pairId(sender.id, recipientId)),
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
  );
}

function applyAcceptance(
  item: SendItem,
  decision: Acceptance,
  state: BatchState,
  options: DecideOptions,
  plan: SendPlan,
): SendOutcome {
  const { sender } = item.command;
  const recipientId = state.recipientIds.get(item.command.to) ?? '';
  state.heads.put(decision.sender);
  state.heads.put(decision.recipient);
  state.heads.put(decision.pair);
  if (decision.initiatorId !== null) {
    const initiator = state.heads.sender(decision.initiatorId);
    if (initiator !== null) state.heads.put(settleOpener(initiator, decision.pair._id));
    const [one, other] = [sender, { id: recipientId, handle: item.command.to }];
    plan.contacts.push(newContact(one, other, decision), newContact(other, one, decision));
  }
  const message = newMessage(item, recipientId, decision, options.commitId);
  const reception = { recipientId, senderId: sender.id, conversationId: message.conversationId };
  const muted = state.mutes.silences(reception, message.createdAt);
  const envelope = newEnvelope(message, { recipientId, position: decision.position, muted });
  const card = cardOf(item, state);
  plan.messages.push(message);
  plan.envelopes.push(envelope);
  if (decision.recipient.webhooks > 0 && decision.recipient.pausedByOwner !== 'full' && !muted) {
    plan.outbox.push(newOutboxRow(message, recipientId));
  }
  plan.committed.push({
    recipientId,
    pausedByOwner: decision.recipient.pausedByOwner,
    row: {
      position: decision.position,
      deliveryId: deliveryId(recipientId, decision.recipient.salt, decision.position),
      muted,
      message,
      sender: card,
    },
  });
  // A second item of this batch with the same key is a replay of this one.
  state.replays.set(item.clientKeyText, message);
  state.answered.add(message._id);
  return { kind: 'accepted', message, sender: card, backlog: decision.backlog };
}

/** The display name is the one that this commit's version of the sender's head has. */
function cardOf(item: SendItem, state: BatchState): AgentCard {
  const { id, handle, isSystem } = item.command.sender;
  return { handle, displayName: state.heads.sender(id)?.displayName ?? null, isSystem };
}

function newMessage(item: SendItem, recipientId: string, decision: Acceptance, commitId: string): Message {
  const { command } = item;
  return {
    _id: newId('message'),
    conversationId: decision.conversationId,
    seq: decision.seq,
    senderId: command.sender.id,
    recipientId,
    clientKey: item.clientKey,
    clientMsgId: JSON.stringify(command.clientMsgId),
    type: command.type,
    content: command.content,
    metadata: command.metadata,
    createdAt: decision.createdAt,
    commitId,
  };
}

function newEnvelope(
  message: Message,
  { recipientId, position, muted }: Pick<Envelope, 'recipientId' | 'position' | 'muted'>,
): Envelope {
  return {
    _id: envelopeId(recipientId, position),
    recipientId,
    position,
    messageId: message._id,
    conversationId: message.conversationId,
    seq: message.seq,
    senderId: message.senderId,
    status: 'stored',
    muted,
    unread: 'shown',
    deliveredAt: null,
    readAt: null,
    createdAt: message.createdAt,
  };
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

function newOutboxRow(message: Message, targetId: string): OutboxRow {
  return {
    _id: newOutboxId(),
    kind: 'message.new',
    targetId,
    messageId: message._id,
    conversationId: message.conversationId,
    createdAt: message.createdAt,
  };
}
