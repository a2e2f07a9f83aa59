import { randomUUID } from 'node:crypto';
import { agentNameOf } from '../../presenters/gateway';
import { costOf } from '../../presenters/usage';
import type { Agent } from '../../store/schema/collections/agents';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import { refusalOf } from './outcome';
import type { ToolRecord, TurnRecord } from './watch-turn';

type Named = Pick<Agent, '_id' | 'handle' | 'displayName'>;

/** Zeros where the agent tells nothing, or has not answered yet. */
const tokensOf = ({ usage }: GatewayExecution) => ({
  input_tokens: usage?.inputTokens ?? 0,
  output_tokens: usage?.outputTokens ?? 0,
});

/**
 * A turn as newline-delimited JSON in the convention of coding-agent command lines (gateway.md §4.1): `init` first, `result`
 * last and exactly once.
 * @param wantsPartials whether pieces of text are shown before the whole
 */
export async function* streamJson(
  agent: Named,
  execution: GatewayExecution,
  records: AsyncIterable<TurnRecord>,
  wantsPartials: boolean,
): AsyncGenerator<string> {
  const { sessionId: session_id } = execution;
  const line = (value: object): string => `${JSON.stringify({ ...value, session_id, uuid: randomUUID() })}\n`;
  yield line({
    type: 'system',
    subtype: 'init',
    execution_id: execution._id,
    agent_id: agent._id,
    agent_name: agentNameOf(agent),
    model: execution.hints.model ?? null,
    tools: [],
  });
  for await (const record of records) {
    if (record.kind === 'end') yield* lastLines(agent, record.execution, line);
    else if (record.kind === 'tool') yield line(toolLine(execution, record.tool));
    else if (record.kind === 'snapshot') yield line({ type: 'snapshot', content: record.text });
    else if (record.kind !== 'text') yield line(statusOf(record));
    else if (wantsPartials) yield line(deltaOf(record.text));
  }
}

/** A call is something that the assistant says, its result something that it is told. */
function toolLine(execution: GatewayExecution, tool: ToolRecord): object {
  if (tool.type === 'tool_call') {
    const { id, name, input } = tool;
    return assistantLine(execution, execution._id, [{ type: 'tool_use', id, name, input }], 'tool_use');
  }
  const content = typeof tool.output === 'string' ? tool.output : JSON.stringify(tool.output);
  const result = { type: 'tool_result', tool_use_id: tool.id, content, is_error: tool.is_error };
  return { type: 'user', message: { role: 'user', content: [result] }, parent_tool_use_id: null };
}

function assistantLine(execution: GatewayExecution, id: string, content: object[], stop_reason: string): object {
  const model = execution.usage?.model ?? execution.hints.model ?? null;
  const message = { id, type: 'message', role: 'assistant', model, content, stop_reason, usage: tokensOf(execution) };
  return { type: 'assistant', message, parent_tool_use_id: null };
}

function statusOf(record: Extract<TurnRecord, { kind: 'status' | 'silence' | 'closing' }>): object {
  const status = record.kind === 'status' ? record.status : 'waiting';
  const label = record.kind === 'status' ? record.label : null;
  return { type: 'system', subtype: 'status', status, ...(label === null ? {} : { label }) };
}

const deltaOf = (text: string): object => ({
  type: 'stream_event',
  event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
  parent_tool_use_id: null,
});

function* lastLines(agent: Named, execution: GatewayExecution, line: (value: object) => string): Generator<string> {
  const { response, completedAt, queuedAt, replies } = execution;
  const refusal = refusalOf(agent.handle, execution);
  if (refusal === null) {
    const id = replies.findLast(({ isLate }) => !isLate)?.messageId ?? execution._id;
    yield line(assistantLine(execution, id, [{ type: 'text', text: response ?? '' }], 'end_turn'));
  }
  const durationMs = (completedAt ?? new Date()).getTime() - queuedAt.getTime();
  yield line({
    type: 'result',
    subtype: refusal === null ? 'success' : (SUBTYPES[refusal.code] ?? 'error_during_execution'),
    is_error: refusal !== null,
    result: refusal === null ? (response ?? '') : null,
    duration_ms: Math.max(0, durationMs),
    duration_api_ms: Math.max(0, durationMs),
    num_turns: 1,
    total_cost_usd: costOf(execution.usage),
    usage: tokensOf(execution),
    execution_id: execution._id,
    ...(refusal === null ? {} : { error: { code: refusal.code, message: refusal.message } }),
  });
}

const SUBTYPES: Partial<Record<string, string>> = { TURN_TIMEOUT: 'error_timeout', TURN_CANCELLED: 'cancelled' };
