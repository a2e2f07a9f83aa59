import { AppError } from '../../contract/errors';
import type { TurnFailure } from '../../domain/turns';
import type { GatewayExecution } from '../../store/schema/collections/gateway';

/** What a caller is told of a turn that has not brought an answer; null when it has (gateway.md §10.3). */
export function refusalOf(agentHandle: string, execution: GatewayExecution): AppError | null {
  const { _id: id, status, error } = execution;
  switch (status) {
    case 'completed':
      return null;
    case 'cancelled':
      return new AppError('TURN_CANCELLED', { execution_id: id });
    case 'failed':
      return error === null ? new AppError('INTERNAL_ERROR') : failure(id, error);
    case 'queued':
    case 'running':
      return new AppError('TURN_TIMEOUT', {
        execution_id: id,
        session_id: execution.sessionId,
        status,
        deadline_at: execution.deadlineAt.toISOString(),
        poll: `/api/agents/${agentHandle}/executions/${id}`,
      });
  }
}

const CODES = {
  timeout: 'TURN_TIMEOUT',
  agent_offline: 'TURN_TIMEOUT',
  agent_silent: 'TURN_TIMEOUT',
  agent_error: 'AGENT_ERROR',
  agent_suspended: 'AGENT_SUSPENDED',
  agent_deleted: 'AGENT_NOT_FOUND',
  blocked: 'BLOCKED',
  recipient_backlogged: 'RECIPIENT_BACKLOGGED',
  response_too_large: 'AGENT_ERROR',
} as const satisfies Record<TurnFailure, string>;

function failure(id: string, { code, message, agentCode }: NonNullable<GatewayExecution['error']>): AppError {
  const details = { execution_id: id, ...(agentCode === undefined ? {} : { agent_code: agentCode }) };
  return new AppError(CODES[code], details, undefined, message === '' ? undefined : message);
}
