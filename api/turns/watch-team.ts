import { AppError } from '../../contract/errors';
import { hasEnded } from '../../domain/turns';
import { isTeamTurn, type TeamExecution } from '../../store/gateway/team-turns';
import type { RequestContext } from '../http/route';
import { startPatience } from './patience';
import { hasAllBehind } from './resume-turn';
import { teamRefusalOf, teamResultOf, type TeamResult } from './team-outcome';
import {
  CarriedAnswers,
  CONNECTED,
  endRecords,
  recordsBehind,
  snapshotRecord,
  type TeamStreamDeps,
} from './team-stream';

/** A caller that waits for a team. */
export interface TeamCaller {
  ctx: Pick<RequestContext, 'whenGone' | 'onSent'>;
  execution: TeamExecution;
  waitMs: number;
}

/**
 * How much longer than the turn its caller is kept: at the end of its time the flow still puts together what there is. Only
 * while no flow runs the caller gets less than that.
 */
const VERDICT_MS_MAX = 10_000;

/**
 * What a team has answered, when its turn has ended. Any process serves it: it follows the stored events.
 * @throws AppError TURN_TIMEOUT, TURN_CANCELLED, SERVICE_UNAVAILABLE when this process ends
 */
export async function awaitTeam({ database, turns, reads }: TeamStreamDeps, waiting: TeamCaller): Promise<TeamResult> {
  const { ctx, execution, waitMs } = waiting;
  const patience = startPatience(ctx.whenGone(), waitMs + VERDICT_MS_MAX);
  const ended = await turns.awaitEnd(execution, patience.signal).finally(patience.end);
  const last = isTeamTurn(ended) ? ended : execution;
  if (!hasEnded(last.status) && turns.isClosing()) throw new AppError('SERVICE_UNAVAILABLE');
  const result = await teamResultOf(database, last);
  const refusal = teamRefusalOf(last, result);
  if (refusal !== null) throw refusal;
  ctx.onSent(() => result.shown.forEach((part) => reads.answered(part)));
  return result;
}

/** The same as server-sent events, each answer when it is there (gateway.md §5.4). */
export async function* teamEvents(deps: TeamStreamDeps, waiting: TeamCaller): AsyncGenerator<string> {
  const { ctx, execution, waitMs } = waiting;
  const patience = startPatience(ctx.whenGone(), waitMs + VERDICT_MS_MAX);
  const carried = new CarriedAnswers(deps.reads, ctx);
  try {
    yield CONNECTED;
    yield* recordsBehind(deps, { execution, after: 0, signal: patience.signal, carried });
  } finally {
    patience.end();
  }
}

/**
 * The events of a team's turn for a caller that comes back (gateway.md §12.1): those behind the one that it knows. Where
 * that one is unknown, or those behind it are gone, what was answered so far comes as one, then the rest.
 * @param after null: the caller names no event of any turn
 */
export async function* resumeTeamEvents(
  deps: TeamStreamDeps,
  { ctx, execution, after }: Pick<TeamCaller, 'ctx' | 'execution'> & { after: number | null },
): AsyncGenerator<string> {
  const watch = { execution, signal: ctx.whenGone(), carried: new CarriedAnswers(deps.reads, ctx) };
  const isOver = hasEnded(execution.status);
  yield CONNECTED;
  if (after !== null && (await hasAllBehind(deps.database, execution, after))) {
    if (isOver && after === execution.lastEvent) yield* endRecords(deps, watch);
    else yield* recordsBehind(deps, { ...watch, after });
    return;
  }
  const through = isOver ? execution.lastEvent - 1 : execution.lastEvent;
  yield await snapshotRecord(deps, watch, through);
  if (isOver) yield* endRecords(deps, watch);
  else yield* recordsBehind(deps, { ...watch, after: through });
}
