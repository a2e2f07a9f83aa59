import type { Profile } from '../contract/agents';
import { isVisible } from '../domain/guards';
import type { Agent } from '../store/schema/collections/agents';
import { avatarUrl } from './avatar';

/** What anybody may see of a visible agent (identity.md §2): no id, address, settings or pause. */
export function presentProfile(agent: Agent, publicBaseUrl: string): Profile {
  if (!isVisible(agent.status)) throw new Error('a hidden agent has no profile');
  return {
    handle: agent.handle,
    display_name: agent.displayName,
    description: agent.description,
    avatar_url: avatarUrl(agent.avatarKey, publicBaseUrl),
    status: agent.status === 'restricted' ? 'restricted' : 'active',
    is_system: agent.isSystem,
    created_at: agent.createdAt.toISOString(),
  };
}
