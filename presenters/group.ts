import type { GroupDetailView, GroupView } from '../contract/groups';
import { findMember, type GroupGuard } from '../domain/group';
import type { AgentCard, AgentReader } from '../store/agents/agents';
import { groupAvatarUrl } from './invitation';

/** The group with its active members, as `viewerId` sees it. */
export async function presentGroupDetail(
  group: GroupGuard,
  viewerId: string,
  deps: { agents: AgentReader; publicBaseUrl: string },
): Promise<GroupDetailView> {
  const ids = [...group.members.map(({ agentId }) => agentId), group.createdBy];
  const cards = await deps.agents.loadCards(ids);
  return {
    ...presentGroup(group, cards, deps.publicBaseUrl),
    members: group.members.map(({ agentId, handle, role, joinedAt }) => ({
      handle,
      display_name: cards.get(agentId)?.displayName ?? null,
      role,
      joined_at: joinedAt.toISOString(),
    })),
    your_role: findMember(group, viewerId)?.role ?? 'member',
  };
}

function presentGroup(group: GroupGuard, cards: Map<string, AgentCard>, publicBaseUrl: string): GroupView {
  return {
    id: group.groupId,
    name: group.name,
    description: group.description,
    avatar_url: groupAvatarUrl(group, publicBaseUrl),
    created_by: cards.get(group.createdBy)?.handle ?? 'unknown',
    settings: { who_can_invite: 'admin' },
    member_count: group.memberCount,
    created_at: group.createdAt.toISOString(),
    last_message_at: group.lastMessageAt?.toISOString() ?? null,
  };
}
