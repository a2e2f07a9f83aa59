import { ALL_ERRORS } from '../../contract/codes';
import { AppError } from '../../contract/errors';
import type { TeamAnswerView } from '../../contract/teams';
import { lastAnswers } from '../../domain/team-turn';
import { hasEnded } from '../../domain/turns';
import { memberNames } from '../../presenters/teams';
import { findParts, type TeamExecution } from '../../store/gateway/team-turns';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { TeamOutcome } from '../../store/schema/collections/gateway-teams';
import type { Database } from '../../store/schema/database';
import { refusalOf } from './outcome';

type TeamError = TeamAnswerView['errors'][number];

/** What a team has answered so far. */
export interface TeamResult {
  view: TeamAnswerView;
  /** The turns of members that this shows: of each its last answer. */
  shown: GatewayExecution[];
  /** All turns of members that were answered, those of earlier rounds, too. */
  answered: GatewayExecution[];
}

/** A turn of a team as its caller gets it (gateway.md §5.4). */
export async function teamResultOf(database: Database, execution: TeamExecution): Promise<TeamResult> {
  const { team } = execution;
  const summaryId = team.summary?.executionId ?? null;
  const parts = await findParts(database, [...team.outcomes.map(({ executionId }) => executionId), summaryId]);
  const names = memberNames(team);
  const answered = lastAnswers(
    [...team.outcomes].filter(({ isAnswered }) => isAnswered).sort((one, other) => one.round - other.round),
    team.members.map(({ agentId }) => agentId),
  );
  const responses = answered.map(({ agentId, round, executionId }) => ({
    agent_id: agentId,
    agent_name: names.get(agentId) ?? agentId,
    content: parts.get(executionId ?? '')?.response ?? '',
    round,
    execution_id: executionId ?? '',
  }));
  const errors = team.outcomes.flatMap((outcome) =>
    outcome.isAnswered ? [] : [teamErrorOf(outcome, names, parts.get(outcome.executionId ?? ''))],
  );
  const summing = summaryId === null ? [] : [summaryId];
  const shown = [...responses.map(({ execution_id: id }) => id), ...summing];
  const all = team.outcomes.flatMap(({ isAnswered, executionId }) => (isAnswered ? (executionId ?? []) : []));
  return {
    view: {
      responses,
      summary: execution.response ?? '',
      mode: team.mode,
      partial: errors.length > 0,
      errors,
      rounds: team.rounds,
      summary_source: team.summary?.source ?? 'none',
      execution_id: execution._id,
      conversation_id: execution.sessionId,
    },
    shown: shown.flatMap((id) => parts.get(id) ?? []),
    answered: [...all, ...summing].flatMap((id) => parts.get(id) ?? []),
  };
}

/** Why a member has not answered: the refusal that a caller of its turn would get. */
export function teamErrorOf(
  { agentId, executionId, refusal }: Pick<TeamOutcome, 'agentId' | 'executionId' | 'refusal'>,
  names: Map<string, string>,
  part: GatewayExecution | undefined,
): TeamError {
  const error = part === undefined ? null : refusalOf('', part);
  // One that has answered since was too late all the same.
  const code = refusal ?? error?.code ?? 'TURN_TIMEOUT';
  return {
    agent_id: agentId,
    agent_name: names.get(agentId) ?? agentId,
    code,
    message: error?.message ?? ALL_ERRORS[code].message,
    execution_id: executionId,
  };
}

/** What a caller is told of a turn without any answer; null when there is one. */
export function teamRefusalOf(execution: TeamExecution, { view }: TeamResult): AppError | null {
  const { _id: execution_id, sessionId: conversation_id, status } = execution;
  if (status === 'completed') return null;
  if (status === 'cancelled') return new AppError('TURN_CANCELLED', { execution_id });
  const details = { execution_id, conversation_id, status, errors: view.errors };
  const message = hasEnded(status) ? execution.error?.message : undefined;
  return new AppError('TURN_TIMEOUT', details, undefined, message);
}
