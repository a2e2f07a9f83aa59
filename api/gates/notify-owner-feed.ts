import type { Endpoint } from '../../contract/endpoint';
import type { FeedScope } from '../../platform/bus';
import type { ApiMiddleware } from '../http/state';

/**
 * What an open pane of the owner's dashboard shows that these calls of an agent change for itself. What sends and
 * changes of groups do to others is told by their commit.
 */
const CHANGES: Readonly<Record<string, FeedScope[]>> = {
  updateProfile: ['profile'],
  setAvatar: ['profile'],
  removeAvatar: ['profile'],
  addContact: ['contacts'],
  updateContact: ['contacts'],
  removeContact: ['contacts'],
  blockAgent: ['blocks', 'events'],
  unblockAgent: ['blocks', 'events'],
  reportAgent: ['blocks', 'events'],
  createMute: ['conversations'],
  deleteAgentMute: ['conversations'],
  deleteConversationMute: ['conversations'],
  hideConversation: ['conversations', 'messages'],
  hideMessage: ['conversations', 'messages'],
  markMessageRead: ['messages'],
  ackMessages: ['messages'],
  createGroup: ['conversations'],
  updateGroup: ['conversations'],
  setGroupAvatar: ['conversations'],
  removeGroupAvatar: ['conversations'],
  acceptGroupInvite: ['conversations'],
  createWebhook: ['events'],
  deleteWebhook: ['events'],
  updateWebhook: ['events'],
  rotateWebhookSecret: ['events'],
  revokePreviousSecret: ['events'],
};

/** The owner feed, as far as this gate needs it. */
export interface AgentChanges {
  changed(change: { agentId: string; scopes: FeedScope[] }): void;
}

/**
 * Tells the owner feed, beside the answer, that an agent changed something of its own. Null: the endpoint changes nothing
 * that a dashboard shows.
 */
export function notifyOwnerFeed(endpoint: Endpoint, feed: AgentChanges | undefined): ApiMiddleware | null {
  const scopes = CHANGES[endpoint.operationId];
  if (scopes === undefined || feed === undefined) return null;
  return async (ctx, next) => {
    await next();
    const { agent } = ctx.state;
    if (agent !== null && ctx.status < 300) feed.changed({ agentId: agent._id, scopes });
  };
}
