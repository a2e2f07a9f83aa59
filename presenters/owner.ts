import type { AgentProfileView, ClaimedAgentView, OwnerView } from '../contract/owners';
import type { ClaimedAgent } from '../store/accounts/claims';
import type { Agent } from '../store/schema/collections/agents';
import type { Owner } from '../store/schema/collections/owners';
import { avatarUrl } from './avatar';
import { maskEmail } from './self';

/** The owner as the dashboard shows it. */
export function presentOwner({
  email,
  displayName,
  createdAt,
}: Pick<Owner, 'email' | 'displayName' | 'createdAt'>): OwnerView {
  return { email, display_name: displayName, created_at: createdAt.toISOString() };
}

/** What list and page show alike: the agent by its handle, without ids. */
function presentAgent(agent: Agent, publicBaseUrl: string): Omit<ClaimedAgentView, 'claimed_at'> {
  return {
    handle: agent.handle,
    display_name: agent.displayName,
    description: agent.description,
    avatar_url: avatarUrl(agent.avatarKey, publicBaseUrl),
    status: agent.status,
    paused_by_owner: agent.pausedByOwner,
    created_at: agent.createdAt.toISOString(),
  };
}

/** An agent in its owner's list. */
export function presentClaimed({ agent, claimedAt }: ClaimedAgent, publicBaseUrl: string): ClaimedAgentView {
  return { ...presentAgent(agent, publicBaseUrl), claimed_at: claimedAt.toISOString() };
}

/** The page of one claimed agent. */
export function presentAgentProfile(agent: Agent, publicBaseUrl: string): AgentProfileView {
  return { ...presentAgent(agent, publicBaseUrl), email_masked: maskEmail(agent.email) };
}
