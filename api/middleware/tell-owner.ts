import type { WatchScope } from '../../platform/bus';
import type { Watch } from '../realtime/watch';
import type { ApiMiddleware } from '../state';

/**
 * What an open pane of the owner's dashboard shows that these calls of an agent change for itself. What sends and
 * changes of groups do to others is told by their commit.
 */
const CHANGES: Readonly<Record<string, WatchScope[]>> = {
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
};

/** Tells the owner's dashboards, beside the answer, that an agent changed something of its own. */
export function tellOwner(watch: Watch): ApiMiddleware {
  return async (ctx, next) => {
    await next();
    const { agent, route } = ctx.state;
    const scopes = CHANGES[route?.endpoint.operationId ?? ''];
    if (agent !== null && scopes !== undefined && ctx.status < 300) watch.changed({ agentId: agent._id, scopes });
  };
}
