import type { GatewayEvent, GatewayExecution } from '../../store/schema/collections/gateway';
import { STREAM_KEEP_ALIVE_MS } from '../../contract/limits';
import type { Turns } from './turns';

/** What those who watch a turn are shown, one after another. */
export type TurnRecord =
  | { kind: 'status'; n: number; status: string }
  | { kind: 'text'; n: number; text: string }
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

/** The records of a turn from where its caller is, up to its end. */
export async function* watchTurn(turns: Turns, { execution, after, signal }: Watch): AsyncGenerator<TurnRecord> {
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
  if (type === 'status') return { kind: 'status', n, status: String(data['status']) };
  return type === 'text' ? { kind: 'text', n, text: String(data['text']) } : null;
}
