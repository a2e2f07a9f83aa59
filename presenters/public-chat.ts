import type { LinkUsageView, LinkView, PublicLinkStateView } from '../contract/public-chat';
import type { Agent } from '../store/schema/collections/agents';
import type { GatewayLink } from '../store/schema/collections/links';
import { agentNameOf } from './gateway';

type Named = Pick<Agent, 'handle' | 'displayName'>;

/** A share link as its owner sees it (gateway.md §6.1); its token is shown by whoever has just made it. */
export function presentLink(agent: Named, link: GatewayLink): LinkView {
  return {
    id: link._id,
    agent_name: agentNameOf(agent),
    name: link.name,
    token_prefix: link.tokenPrefix,
    enabled: link.enabled,
    require_email: link.requireEmail,
    expires_at: link.expiresAt?.toISOString() ?? null,
    max_messages: link.maxMessages,
    welcome: link.welcome,
    created_at: link.createdAt.toISOString(),
  };
}

export function presentLinkUsage(agent: Named, link: GatewayLink): LinkUsageView {
  const { sessions, messages, addresses, lastUsedAt } = link.usage;
  const usage = { sessions, messages, last_used_at: lastUsedAt?.toISOString() ?? null, unique_ips: addresses };
  return { ...presentLink(agent, link), usage };
}

/** What the page of a link shows before the first message. @param open null: the link does not work */
export function presentLinkState(
  open: { link: GatewayLink; agent: Named & Pick<Agent, 'description'>; isAvailable: boolean } | null,
): PublicLinkStateView {
  return {
    valid: open !== null,
    ...(open === null ? { reason: 'invalid_or_expired' as const } : {}),
    require_email: open?.link.requireEmail ?? false,
    agent_available: open?.isAvailable ?? false,
    agent_display_name: open === null ? null : agentNameOf(open.agent),
    agent_description: open?.agent.description ?? null,
    welcome: open?.link.welcome ?? null,
  };
}
