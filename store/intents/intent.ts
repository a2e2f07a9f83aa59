import { agentOfInbox, type InboxInHead } from '../../domain/heads';
import { newOutboxId } from '../../platform/ids';

/** What every intent for the webhooks of an agent has, from its inbox as the fact's commit sees it. */
export function intentFor(inbox: Pick<InboxInHead, '_id' | 'webhookVersion'>, createdAt: Date) {
  const targetId = agentOfInbox(inbox._id);
  return { _id: newOutboxId(), targetId, webhookVersion: inbox.webhookVersion ?? 0, createdAt };
}
