import { beginningOf } from './cuts';
import { objectOf } from './turns';

/** What an agent tells of how it came to an answer (gateway.md §8.2): shown to people, and never trusted. */

/** What an answer has cost. */
export interface TurnUsage {
  inputTokens: number;
  outputTokens: number;
  /** Billionths of a dollar: sums of them are exact. Null: not told. */
  costNanos: number | null;
  model: string | null;
  contextUsed: number | null;
  contextMax: number | null;
}

/** More of anything is a mistake, and counts as absent; sums of as many turns as there are stay exact. */
const TOKENS_MAX = 1_000_000_000;
const COST_USD_MAX = 10_000;
const NANOS = 1_000_000_000;
const MODEL_LENGTH_MAX = 100;

/** Reads a usage. @param value whatever an agent wrote: what is not as described counts as absent, and null is left of nothing */
export function readUsage(value: unknown): TurnUsage | null {
  const told = objectOf(value);
  const { cost_usd: cost, model } = told;
  const [input, output] = [tokensOf(told['input_tokens']), tokensOf(told['output_tokens'])];
  const usage = {
    costNanos: isWithin(cost, COST_USD_MAX) ? Math.round(cost * NANOS) : null,
    model: typeof model === 'string' && model !== '' ? beginningOf(model, MODEL_LENGTH_MAX) : null,
    contextUsed: tokensOf(told['context_used']),
    contextMax: tokensOf(told['context_max']),
  };
  const isEmpty = [input, output, ...Object.values(usage)].every((one) => one === null);
  return isEmpty ? null : { inputTokens: input ?? 0, outputTokens: output ?? 0, ...usage };
}

/** A sum of billionths as dollars. */
export const dollarsOf = (nanos: number): number => nanos / NANOS;

const isWithin = (value: unknown, max: number): value is number =>
  typeof value === 'number' && value >= 0 && value <= max;

const tokensOf = (value: unknown): number | null =>
  isWithin(value, TOKENS_MAX) && Number.isInteger(value) ? value : null;

/** A call of a tool with its result. */
export interface ToolCall {
  id: string;
  name: string;
  /** JSON texts; null: not told, or no room for it. */
  input: string | null;
  output: string | null;
  isError: boolean;
  durationMs: number | null;
  /** Null: told with the answer only. */
  startedAt: Date | null;
  /** Null: without a result yet. */
  endedAt: Date | null;
}

/** What of a turn's calls is kept with it: how many, how much of each value, and of all together. */
const CALLS_MAX = 100;
const VALUE_LENGTH_MAX = 2_048;
const VALUES_LENGTH_MAX = 65_536;
const ID_LENGTH_MAX = 128;
const NAME_LENGTH_MAX = 200;
const DURATION_MS_MAX = 86_400_000;

/** An event of a tool, as it was stored. */
export interface ToolEvent {
  type: string;
  data: Record<string, unknown>;
  at: Date;
}

/** The calls that events tell of, oldest first, each with its result if it has one. */
export function callsOf(events: ToolEvent[]): ToolCall[] {
  const calls = new Map<string, ToolCall>();
  for (const { type, data, at } of events) {
    const id = String(data['id']);
    const known = calls.get(id);
    if (type === 'tool_call') {
      const call = { id, name: String(data['name']), input: textOf(data['input']), output: null, isError: false };
      calls.set(id, { ...call, durationMs: null, startedAt: at, endedAt: null });
    } else if (known !== undefined) {
      const durationMs = durationOf(data['duration_ms']) ?? at.getTime() - (known.startedAt ?? at).getTime();
      const isError = data['is_error'] === true;
      calls.set(id, { ...known, output: textOf(data['output']), isError, durationMs, endedAt: at });
    }
  }
  return [...calls.values()];
}

/** Reads the calls that an answer tells of: `metadata.gateway.tool_calls`. */
export function readToolCalls(value: unknown): ToolCall[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, CALLS_MAX).flatMap((told: unknown, index) => {
    const { id, name, input, output, is_error: isError, duration_ms: duration } = objectOf(told);
    if (typeof name !== 'string' || name === '') return [];
    return [
      {
        id: typeof id === 'string' && id !== '' ? beginningOf(id, ID_LENGTH_MAX) : `call_${index + 1}`,
        name: beginningOf(name, NAME_LENGTH_MAX),
        input: textOf(input),
        output: textOf(output),
        isError: isError === true,
        durationMs: durationOf(duration),
        startedAt: null,
        endedAt: null,
      },
    ];
  });
}

/**
 * What is kept of a turn's calls: those that it told of while it worked, then those that only its answer tells of. The
 * first ones have their values, as long as there is room.
 */
export function keptCalls(told: ToolCall[], withAnswer: ToolCall[]): ToolCall[] {
  const ids = new Set(told.map(({ id }) => id));
  const calls = [...told, ...withAnswer.filter(({ id }) => !ids.has(id))].slice(0, CALLS_MAX);
  let room = VALUES_LENGTH_MAX;
  const keep = (value: string | null): string | null => {
    const kept = value === null || value.length <= VALUE_LENGTH_MAX ? value : cut(value);
    if (kept === null || kept.length > room) return null;
    room -= kept.length;
    return kept;
  };
  return calls.map((call) => ({ ...call, input: keep(call.input), output: keep(call.output) }));
}

/** A long value is shown as the beginning of its text. */
const cut = (value: string): string => JSON.stringify(`${beginningOf(value, VALUE_LENGTH_MAX)}…`);

const textOf = (value: unknown): string | null =>
  value === undefined || value === null ? null : JSON.stringify(value);

const durationOf = (value: unknown): number | null => (isWithin(value, DURATION_MS_MAX) ? Math.round(value) : null);

/** What an answer tells of how it came about. */
export interface TurnReport {
  usage: TurnUsage | null;
  toolCalls: ToolCall[];
}

/** Reads the report that a message of an agent brings. */
export function readReport(metadata: Record<string, unknown>): TurnReport {
  const { usage, tool_calls: calls } = objectOf(metadata['gateway']);
  return { usage: readUsage(usage), toolCalls: readToolCalls(calls) };
}
