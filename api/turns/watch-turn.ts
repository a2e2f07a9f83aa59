import type { GatewayEvent, GatewayExecution } from '../../store/schema/collections/gateway';
import { STREAM_KEEP_ALIVE_MS } from '../../contract/limits';
import type { Turns } from './turns';

/** A call of a tool, or its result, as the agent told it. */
export type ToolRecord =
  | { type: 'tool_call'; id: string; name: string; input: unknown }
  | { type: 'tool_result'; id: string; output: unknown; is_error: boolean; duration_ms: number | null };

/** What those who watch a turn are shown, one after another. */
export type TurnRecord =
  | { kind: 'status'; n: number; status: string; label: string | null }
  | { kind: 'tool'; n: number; tool: ToolRecord }
  | { kind: 'text'; n: number; text: string }
  /** All text up to this event, for a caller that cannot have it piece by piece. */
  | { kind: 'snapshot'; n: number; text: string }
  /** Nothing has happened for a while. */
  | { kind: 'silence' }
  /** This process ends: the caller goes on with another one. The last record. */
  | { kind: 'closing' }
  /** The turn has ended, or nobody waits any longer: the last record. */
  | { kind: 'end'; n: number | null; execution: GatewayExecution };

export interface Watch {
  execution: GatewayExecution;
  /** The number of the last event that the caller knows. */
  after: number;
  /** Ends the watching: the caller is gone, or has waited long enough. */
  signal: AbortSignal;
}

/** What watching needs of the turns. */
export type WatchedTurns = Pick<Turns, 'follow' | 'load' | 'isClosing'>;

/** The records of a turn from where its caller is, up to its end. */
export async function* watchTurn(turns: WatchedTurns, { execution, after, signal }: Watch): AsyncGenerator<TurnRecord> {
  const { _id: id } = execution;
  let saidAtMs = performance.now();
  let lastN: number | null = null;
  for await (const event of turns.follow(id, after, signal)) {
    const record = event === null ? null : recordOf(event);
    if (event?.type === 'end') {
      lastN = event.n;
      break;
    }
    if (record === null && performance.now() - saidAtMs < STREAM_KEEP_ALIVE_MS) continue;
    saidAtMs = performance.now();
    yield record ?? { kind: 'silence' };
  }
  if (lastN === null && turns.isClosing()) yield { kind: 'closing' };
  else yield { kind: 'end', n: lastN, execution: await turns.load(execution) };
}

/** The parse point of what `newEvent` wrote. */
function recordOf({ n, type, data }: GatewayEvent): TurnRecord | null {
  if (type === 'status') {
    const { status, label } = data;
    return { kind: 'status', n, status: String(status), label: typeof label === 'string' ? label : null };
  }
  // What `takeFrames` made of a frame that was checked.
  if (type === 'tool_call' || type === 'tool_result') return { kind: 'tool', n, tool: { type, ...data } as ToolRecord };
  return type === 'text' ? { kind: 'text', n, text: String(data['text']) } : null;
}
