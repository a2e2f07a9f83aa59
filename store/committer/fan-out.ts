import { findMember, withMissed, type GroupHead, type GroupMember } from '../../domain/group';
import { isBacklogged } from '../../domain/group-send';
import { takesIntents, takesMessageIntents, type InboxInHead } from '../../domain/heads';
import type { AgentCard } from '../agents';
import type { Message } from '../collections/messages';
import { deliveryId } from '../delivery-ids';
import { intentFor } from '../intents/intent';
import { newEnvelope, newMessageIntent, type SendPlan } from './plan';
import type { BatchState } from './send-state';
import { watchReceived, watchSent } from './watched';

/** A message on its way to the members. */
interface FanOut {
  message: Message;
  card: AgentCard;
  /** As it is after the message. */
  group: GroupHead;
  recipients: GroupMember[];
  /** The notice of a deletion passes mutes and full backlogs (groups.md §10). */
  isNotice: boolean;
}

/** Whom a message did not reach, and the group with that counted. */
interface FannedOut {
  group: GroupHead;
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
  watchSent(plan, message, state);
  for (const recipient of recipients) {
    const { agentId: recipientId } = recipient;
    const inbox = state.heads.inboxIn(recipientId);
    if (inbox === null) throw new Error('a member has no guarding document');
    if (inbox.status === 'deleted') continue;
    if (!isNotice && isFull(recipientId, state)) {
      skipped.push(recipient);
      continue;
    }
    const position = inbox.nextPosition;
    state.heads.put({ ...inbox, nextPosition: position + 1, enqueued: inbox.enqueued + 1 });
    const reception = { recipientId, senderId, conversationId };
    const muted = !isNotice && state.mutes.silences(reception, message.createdAt);
    plan.envelopes.push(newEnvelope(message, { recipientId, position, muted }));
    if (takesMessageIntents(inbox) && !muted) plan.outbox.push(newMessageIntent(message, inbox, position));
    if (takesIntents(inbox) && isNotice) plan.outbox.push(newDeletedIntent(message, inbox));
    watchReceived(plan, inbox, { message, agentId: recipientId, position });
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
  const inbox = state.heads.inboxIn(agentId);
  return inbox !== null && isBacklogged(inbox, state.heads.inboxOut(agentId)?.dequeued ?? 0);
}

function newDeletedIntent(
  { conversationId: groupId, createdAt }: Message,
  inbox: InboxInHead,
): SendPlan['outbox'][number] {
  return { ...intentFor(inbox, createdAt), kind: 'group.deleted', groupId };
}
