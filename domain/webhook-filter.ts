import type { MESSAGE_TYPES } from '../contract/events';

/** webhooks.md §11.7: every condition that is there has to hold; none = everything. */
export interface WebhookFilter {
  conversationIds?: string[];
  /** Handles, in lower case. */
  senders?: string[];
  messageTypes?: (typeof MESSAGE_TYPES)[number][];
  mentionsMe?: true;
}

/** What filters look at of an event. What an event does not have, no condition is about. */
export interface EventTraits {
  conversationId?: string;
  /** Only of messages; `isMention` is found out only where a filter asks for it. */
  message?: { sender: string; type: (typeof MESSAGE_TYPES)[number]; isMention: boolean };
}

/** True when somebody has to find out whether messages mention the agent. */
export const asksForMentions = ({ filter }: { filter?: WebhookFilter }): boolean => filter?.mentionsMe === true;

/**
 * Whether a filter lets an event through. A condition decides only about events that have what it names: one of senders
 * says nothing of presence, which the list of events is there for.
 */
export function passesFilter(filter: WebhookFilter | undefined, traits: EventTraits): boolean {
  if (filter === undefined) return true;
  const { conversationIds, senders, messageTypes, mentionsMe } = filter;
  const { conversationId, message } = traits;
  if (conversationIds !== undefined && conversationId !== undefined && !conversationIds.includes(conversationId)) {
    return false;
  }
  if (message === undefined) return true;
  return (
    (senders?.includes(message.sender) ?? true) &&
    (messageTypes?.includes(message.type) ?? true) &&
    (mentionsMe === undefined || message.isMention)
  );
}
