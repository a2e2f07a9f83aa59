import { findMember, withMissed, type GroupGuard, type GroupMember } from '../../domain/group';
import { isBacklogged } from '../../domain/group-send';
import { takesIntents, takesMessageIntents, type InboxInGuard } from '../../domain/guards';
import type { AgentCard } from '../agents/agents';
import type { Message } from '../schema/collections/messages';
import { deliveryId } from '../schema/delivery-ids';
import { intentFor } from '../outbox/intent';
import { newEnvelope, newMessageIntent, type SendPlan } from './plan';
import type { BatchState } from './send-state';
import { noteReceived, noteSent } from './owner-notes';

/** A message on its way to the members. */
interface FanOut {
  message: Message;
  card: AgentCard;
  /** As it is after the message. */
  group: GroupGuard;
  recipients: GroupMember[];
  /** The notice of a deletion passes mutes and full backlogs (groups.md §10). */
  isNotice: boolean;
}

/** Whom a message did not reach, and the group with that counted. */
interface FannedOut {
  group: GroupGuard;
  /** Handles of members whose backlog is full. */
  skipped: string[];
}

/** Envelopes, counters and outbox rows of one message. */
export function fanOut(
  { message, card, group, recipients, isNotice }: FanOut,
  state: BatchState,
  plan: SendPlan,
): FannedOut {
  const skipped: GroupMember[] = [];
  plan.messages.push(message);
  const { conversationId, senderId } = message;
  noteSent(plan, message, state);
  for (const recipient of recipients) {
    const { agentId: recipientId } = recipient;
    const inbox = state.guards.inboxIn(recipientId);
    if (inbox === null) throw new Error('a member has no guard document');
    if (inbox.status === 'deleted') continue;
    if (!isNotice && isFull(recipientId, state)) {
      skipped.push(recipient);
      continue;
    }
    const position = inbox.nextPosition;
    state.guards.put({ ...inbox, nextPosition: position + 1, enqueued: inbox.enqueued + 1 });
    const reception = { recipientId, senderId, conversationId };
    const muted = !isNotice && state.mutes.silences(reception, message.createdAt);
    plan.envelopes.push(newEnvelope(message, { recipientId, position, muted }));
    if (takesMessageIntents(inbox) && !muted) plan.outbox.push(newMessageIntent(message, inbox, position));
    if (takesIntents(inbox) && isNotice) plan.outbox.push(newDeletedIntent(message, inbox));
    noteReceived(plan, inbox, { message, agentId: recipientId, position });
    plan.committed.push({
      recipientId,
      pausedByOwner: inbox.pausedByOwner,
      row: {
        position,
        deliveryId: deliveryId(recipientId, inbox.salt, position),
        muted,
        message,
        sender: card,
        group,
      },
    });
  }
  const sender = findMember(group, senderId);
  const missing = sender === null ? skipped : [sender, ...skipped];
  return {
    group: withMissed(
      group,
      missing.map(({ agentId }) => agentId),
    ),
    skipped: skipped.map(({ handle }) => handle),
  };
}

/** True when the member gets nothing more before it takes what it has. */
export function isFull(agentId: string, state: BatchState): boolean {
  const inbox = state.guards.inboxIn(agentId);
  return inbox !== null && isBacklogged(inbox, state.guards.inboxOut(agentId)?.dequeued ?? 0);
}

function newDeletedIntent(
  { conversationId: groupId, createdAt }: Message,
  inbox: InboxInGuard,
): SendPlan['outbox'][number] {
  return { ...intentFor(inbox, createdAt), kind: 'group.deleted', groupId };
}
