import { AppError } from '../../contract/errors';
import { hasEnded } from '../../domain/turns';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { Agent } from '../../store/schema/collections/agents';
import { ANSWERED } from '../http/call-handler';
import type { RequestContext } from '../http/route';
import { refusalOf } from './outcome';
import { startPatience } from './patience';
import type { TurnReads } from './read-turns';
import type { Turns } from './turns';
import { watchTurn, type TurnRecord } from './watch-turn';

/** A caller that waits for the answer of a turn. */
export interface WaitingCaller {
  ctx: Pick<RequestContext, 'whenGone' | 'onSent'>;
  agent: Pick<Agent, 'handle'>;
  execution: GatewayExecution;
  waitMs: number;
  /** Its going cancels the turn (gateway.md §4.1); else the turn goes on without it. */
  cancelsWhenGone: boolean;
}

interface Deps {
  turns: Turns;
  reads: TurnReads;
}

/**
 * The turn once it was answered. That its answer was read is for who sends it to say (`TurnReads.answered`).
 * @throws AppError what became of it otherwise (gateway.md §10.3), SERVICE_UNAVAILABLE when this process ends
 */
export async function awaitAnswer(turns: Turns, waiting: WaitingCaller): Promise<GatewayExecution> {
  const { agent } = waiting;
  const execution = await awaitEnd(turns, waiting);
  if (!hasEnded(execution.status)) {
    if (turns.isClosing()) throw new AppError('SERVICE_UNAVAILABLE');
    await letGo(turns, waiting);
  }
  const refusal = refusalOf(agent.handle, execution);
  if (refusal !== null) throw refusal;
  return execution;
}

function awaitEnd(turns: Turns, { ctx, execution, waitMs }: WaitingCaller): Promise<GatewayExecution> {
  const patience = startPatience(ctx.whenGone(), waitMs);
  return turns.awaitEnd(execution, patience.signal).finally(patience.end);
}

/** The records of the turn as long as the caller waits for them. */
export async function* watchWhileWaiting({ turns, reads }: Deps, waiting: WaitingCaller): AsyncGenerator<TurnRecord> {
  const { ctx, execution, waitMs } = waiting;
  const { signal, end } = startPatience(ctx.whenGone(), waitMs);
  let isOver = false;
  try {
    for await (const record of watchTurn(turns, { execution, after: 0, signal })) {
      noteCarried(record, ctx, reads);
      isOver = record.kind === 'closing' || (record.kind === 'end' && hasEnded(record.execution.status));
      yield record;
    }
  } finally {
    end();
    if (!isOver) await letGo(turns, waiting);
  }
}

/** The same records for the user whose turn it is: once their end was sent, the answer is read (gateway.md §5.3). */
export async function* watchToRead(
  records: AsyncIterable<TurnRecord>,
  ctx: Pick<RequestContext, 'onSent'>,
  reads: TurnReads,
): AsyncGenerator<TurnRecord> {
  for await (const record of records) {
    noteCarried(record, ctx, reads);
    yield record;
  }
}

function noteCarried(record: TurnRecord, ctx: Pick<RequestContext, 'onSent'>, reads: TurnReads): void {
  if (record.kind !== 'end' || record.execution.status !== 'completed') return;
  ctx.onSent(() => reads.answered(record.execution));
}

/** The caller waits no longer: the turn goes on unless it was asked to end with it. */
async function letGo(turns: Turns, { ctx, execution, cancelsWhenGone }: WaitingCaller): Promise<void> {
  // Whom a fault has answered is not gone.
  const { aborted, reason } = ctx.whenGone();
  if (aborted && reason !== ANSWERED && cancelsWhenGone) await turns.cancel(execution._id, 'user');
  else await turns.detach(execution._id);
}
