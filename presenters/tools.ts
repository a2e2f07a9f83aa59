import type { ChatAnswerView, ExecutionView } from '../contract/gateway';
import type { ToolCall } from '../domain/turn-report';
import type { GatewayEvent, GatewayExecution } from '../store/schema/collections/gateway';

/** A JSON text that was kept. @see keptCalls */
const valueOf = (text: string | null): unknown => (text === null ? null : (JSON.parse(text) as unknown));

/** The calls that a turn kept, once their events are gone (gateway.md §9.1). */
export function presentKeptCalls({ tools = [], queuedAt }: GatewayExecution): ExecutionView['tool_calls'] {
  return tools.map((call) => ({ ...shownOf(call), started_at: (call.startedAt ?? queuedAt).toISOString() }));
}

/** The same as the text that stands with a message (gateway.md §4.3); null where there was none. */
export const toolCallsText = (tools: ToolCall[] | undefined): string | null =>
  tools === undefined || tools.length === 0 ? null : JSON.stringify(tools.map(shownOf));

const shownOf = ({ id, name, input, output, isError, durationMs }: ToolCall) => ({
  id,
  name,
  input: valueOf(input),
  output: valueOf(output),
  is_error: isError,
  duration_ms: durationMs,
});

/** What an agent told of its tools, one entry for each call and each result (gateway.md §4.2). */
export function presentExecutionLog(events: GatewayEvent[]): ChatAnswerView['execution_log'] {
  const names = new Map(events.flatMap(({ type, data }) => (type === 'tool_call' ? [[data['id'], data['name']]] : [])));
  return events.map(({ type, data, at }) => {
    const isCall = type === 'tool_call';
    const name = names.get(data['id']);
    return {
      id: String(data['id']),
      type: isCall ? 'tool_use' : 'tool_result',
      tool: typeof name === 'string' ? name : null,
      input: isCall ? (data['input'] ?? null) : null,
      success: isCall ? null : data['is_error'] !== true,
      duration_ms: durationOf(data),
      timestamp: at.toISOString(),
    };
  });
}

/** The calls with their results (gateway.md §9.1). */
export function presentToolCalls(events: GatewayEvent[]): ExecutionView['tool_calls'] {
  const results = new Map(events.flatMap(({ type, data }) => (type === 'tool_result' ? [[data['id'], data]] : [])));
  return events.flatMap(({ type, data, at }) => {
    if (type !== 'tool_call') return [];
    const result = results.get(data['id']);
    return [
      {
        id: String(data['id']),
        name: String(data['name']),
        input: data['input'] ?? null,
        output: result?.['output'] ?? null,
        is_error: result?.['is_error'] === true,
        started_at: at.toISOString(),
        duration_ms: result === undefined ? null : durationOf(result),
      },
    ];
  });
}

const durationOf = (data: Record<string, unknown>): number | null =>
  typeof data['duration_ms'] === 'number' ? data['duration_ms'] : null;
