import { agentOfInbox, type InboxInGuard } from '../../domain/guards';
import { newOutboxId } from '../../platform/ids';

/** What every intent for the webhooks of an agent has, from its inbox as the fact's commit sees it. */
export function intentFor(inbox: Pick<InboxInGuard, '_id' | 'webhookVersion' | 'nextPosition'>, createdAt: Date) {
  const targetId = agentOfInbox(inbox._id);
  const { webhookVersion = 0, nextPosition } = inbox;
  return { _id: newOutboxId(), targetId, webhookVersion, position: nextPosition - 1, createdAt };
}
