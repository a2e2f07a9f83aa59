import { hasEnded } from '../../domain/turns';
import { readEvents } from '../../store/gateway/executions';
import { textThrough } from '../../store/gateway/turn-events';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import type { Turns } from './turns';
import { watchTurn, type TurnRecord, type Watch } from './watch-turn';

interface Deps {
  database: Database;
  turns: Turns;
}

/**
 * The records of a turn for a caller that comes back (gateway.md §12.1): those behind the event that it knows. Where that
 * event is unknown, or those behind it are gone, it gets the text so far as one, then goes on.
 * @param watch `after` null: the caller names no event of any turn
 */
export async function* resumeTurn(
  { database, turns }: Deps,
  watch: Omit<Watch, 'after'> & { after: number | null },
): AsyncGenerator<TurnRecord> {
  const { after, signal } = watch;
  const execution = await turns.load(watch.execution);
  const isOver = hasEnded(execution.status);
  if (after !== null && (await hasAllBehind(database, execution, after))) {
    if (isOver && after === execution.lastEvent) yield { kind: 'end', n: after, execution };
    else yield* watchTurn(turns, { execution, after, signal });
    return;
  }
  const through = isOver ? execution.lastEvent - 1 : execution.lastEvent;
  const text = execution.status === 'completed' ? execution.response : await textThrough(database, execution, through);
  yield { kind: 'snapshot', n: through, text: text ?? '' };
  if (isOver) yield { kind: 'end', n: execution.lastEvent, execution };
  else yield* watchTurn(turns, { execution, after: through, signal });
}

/**
 * The last event that a caller says it knows; null for an id that no event has.
 * @param lastEventId the header `Last-Event-ID`, empty when absent: then `after` of the query counts
 */
export function knownEvent(lastEventId: string, after: number): number | null {
  const id = lastEventId.trim();
  if (id === '') return after;
  return /^\d{1,8}$/.test(id) ? Number(id) : null;
}

/** True when nothing is missing between the event that the caller knows and what comes next. */
export async function hasAllBehind(database: Database, execution: GatewayExecution, after: number): Promise<boolean> {
  if (after >= execution.lastEvent) return after === execution.lastEvent;
  const [next] = await readEvents(database, execution._id, { after, limit: 1 });
  return next?.n === after + 1;
}
