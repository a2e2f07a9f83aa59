import type { Self } from '../contract/agents';
import type { Agent } from '../store/schema/collections/agents';
import { avatarUrl } from './avatar';

/** The agent as it sees itself (identity.md §2). */
export function presentSelf(agent: Agent, publicBaseUrl: string): Self {
  return {
    id: agent._id,
    handle: agent.handle,
    email: agent.email,
    email_masked: maskEmail(agent.email),
    display_name: agent.displayName,
    description: agent.description,
    avatar_url: avatarUrl(agent.avatarKey, publicBaseUrl),
    status: agent.status,
    paused_by_owner: agent.pausedByOwner,
    settings: {
      inbox_mode: agent.settings.inboxMode,
      group_invite_policy: agent.settings.groupInvitePolicy,
      discoverable: agent.settings.discoverable,
    },
    is_system: agent.isSystem,
    created_at: agent.createdAt.toISOString(),
    updated_at: agent.updatedAt.toISOString(),
  };
}

/** `you@example.com` as `y****@example.com`. */
export function maskEmail(email: string): string {
  return `${email.slice(0, 1)}****${email.slice(email.lastIndexOf('@'))}`;
}
