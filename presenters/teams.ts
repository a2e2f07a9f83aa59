import type { TeamHistoryView, TeamView } from '../contract/teams';
import type { Agent } from '../store/schema/collections/agents';
import type { GatewayExecution } from '../store/schema/collections/gateway';
import type { GatewayTeam, TeamTurn } from '../store/schema/collections/gateway-teams';
import { agentNameOf } from './gateway';

/** @param agents by id; of one that is not there its id is shown */
export function presentTeam(team: GatewayTeam, agents: Map<string, Agent>): TeamView {
  return {
    id: team._id,
    name: team.name,
    description: team.description,
    chat_mode: team.chatMode,
    agents: team.members.map(({ agentId: id, role }) => {
      const agent = agents.get(id);
      return { id, name: agent === undefined ? id : agentNameOf(agent), role };
    }),
    summarizer_agent_id: team.summarizerId,
    max_rounds: team.maxRounds,
    created_at: team.createdAt.toISOString(),
    updated_at: team.updatedAt.toISOString(),
  };
}

/** What members are called in a turn; the names are those of its beginning. */
export function memberNames({ members, summarizer }: TeamTurn): Map<string, string> {
  const all = summarizer === null ? members : [summarizer, ...members];
  return new Map(all.map(({ agentId, name }) => [agentId, name]));
}

type HistoryMessage = TeamHistoryView['messages'][number];

/** What was said in a team's turn, oldest first; late answers too. @param parts the turns of its members, by id */
export function presentTeamTurn(
  execution: GatewayExecution & { team: TeamTurn },
  parts: Map<string, GatewayExecution>,
): HistoryMessage[] {
  const { team, message, queuedAt, response, completedAt } = execution;
  const names = memberNames(team);
  const answers = team.outcomes.flatMap(({ agentId, round, executionId }): HistoryMessage[] => {
    const part = parts.get(executionId ?? '');
    const said =
      part?.status === 'completed'
        ? { content: part.response ?? '', at: part.completedAt ?? queuedAt }
        : part?.late === undefined
          ? null
          : { content: part.late.response, at: part.late.at };
    if (said === null) return [];
    const author = { agent_id: agentId, agent_name: names.get(agentId) ?? agentId };
    return [{ role: 'assistant', ...author, content: said.content, created_at: said.at.toISOString(), round }];
  });
  const hasSummary = team.summary !== undefined && team.summary.source !== 'none';
  const summary: HistoryMessage[] = hasSummary
    ? [
        {
          role: 'assistant',
          ...(team.summary?.source === 'agent' && team.summarizer !== null
            ? { agent_id: team.summarizer.agentId, agent_name: team.summarizer.name }
            : {}),
          content: response ?? '',
          created_at: (completedAt ?? queuedAt).toISOString(),
        },
      ]
    : [];
  return [{ role: 'user', content: message, created_at: queuedAt.toISOString() }, ...answers, ...summary];
}
