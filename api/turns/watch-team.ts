import { AppError } from '../../contract/errors';
import { STREAM_KEEP_ALIVE_MS, STREAM_TEXT_BYTES_MAX } from '../../contract/limits';
import { piecesOf } from '../../domain/cuts';
import { hasEnded } from '../../domain/turns';
import { memberNames } from '../../presenters/teams';
import { loadExecution } from '../../store/gateway/executions';
import { isTeamTurn, type TeamExecution } from '../../store/gateway/team-turns';
import type { GatewayEvent, GatewayExecution } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import type { RequestContext } from '../http/route';
import { startPatience } from './patience';
import type { TurnReads } from './read-turns';
import { teamErrorOf, teamRefusalOf, teamResultOf, type TeamResult } from './team-outcome';
import type { Turns } from './turns';

interface Deps {
  database: Database;
  turns: Turns;
  reads: TurnReads;
}

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
export async function awaitTeam({ database, turns, reads }: Deps, waiting: TeamCaller): Promise<TeamResult> {
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
export async function* teamEvents(deps: Deps, waiting: TeamCaller): AsyncGenerator<string> {
  const { ctx, execution, waitMs } = waiting;
  const patience = startPatience(ctx.whenGone(), waitMs + VERDICT_MS_MAX);
  const carried: GatewayExecution[] = [];
  let saidAtMs = performance.now();
  ctx.onSent(() => carried.forEach((part) => deps.reads.answered(part)));
  try {
    yield ': connected\n\n';
    for await (const event of deps.turns.follow(execution._id, 0, patience.signal)) {
      if (event?.type === 'end') break;
      const records = event === null ? [] : await recordsOf(deps.database, execution, event, carried);
      if (records.length > 0 || performance.now() - saidAtMs >= STREAM_KEEP_ALIVE_MS) saidAtMs = performance.now();
      else continue;
      yield* records.length > 0 ? records : [': keep-alive\n\n'];
    }
    const ended = await loadExecution(deps.database, execution._id);
    if (ended === null || !isTeamTurn(ended)) return;
    if (!hasEnded(ended.status) && deps.turns.isClosing()) return yield ': closing\n\n';
    yield await lastRecord(deps.database, ended, carried);
    yield 'data: [DONE]\n\n';
  } finally {
    patience.end();
  }
}

const recordOf = (n: number | null, data: object): string =>
  `${n === null ? '' : `id: ${n}\n`}data: ${JSON.stringify(data)}\n\n`;

/** Records of a text: the number stands with the last one. */
function textRecords(n: number | null, text: string, more: object): string[] {
  const pieces = piecesOf(text, STREAM_TEXT_BYTES_MAX);
  return pieces.map((content, index) => recordOf(index === pieces.length - 1 ? n : null, { ...more, content }));
}

/** @param carried gets the turns whose answers the records show */
async function recordsOf(
  database: Database,
  execution: TeamExecution,
  event: GatewayEvent,
  carried: GatewayExecution[],
): Promise<string[]> {
  const { n, type, data } = event;
  if (type === 'text') return textRecords(n, String(data['text']), { type: 'text' });
  if (type !== 'agent_done' && type !== 'agent_error') return [];
  // The parse point of what `noteOutcome` wrote.
  const outcome = data as unknown as Outcome;
  const { agent_id, round, execution_id } = outcome;
  const part = execution_id === null ? null : await loadExecution(database, execution_id);
  const names = memberNames(execution.team);
  if (type === 'agent_error') {
    const {
      code,
      message: content,
      agent_name,
    } = teamErrorOf(
      {
        agentId: agent_id,
        executionId: execution_id,
        ...(outcome.code === undefined ? {} : { refusal: outcome.code }),
      },
      names,
      part ?? undefined,
    );
    return [recordOf(n, { type, agent_id, agent_name, round, code, content, execution_id })];
  }
  if (part !== null) carried.push(part);
  return [
    ...textRecords(null, part?.response ?? '', { type: 'agent_text', agent_id, round }),
    recordOf(n, { type, agent_id, agent_name: names.get(agent_id) ?? agent_id, round, execution_id }),
  ];
}

interface Outcome {
  agent_id: string;
  round: number;
  execution_id: string | null;
  code?: NonNullable<TeamExecution['team']['outcomes'][number]['refusal']>;
}

async function lastRecord(database: Database, ended: TeamExecution, carried: GatewayExecution[]): Promise<string> {
  const result = await teamResultOf(database, ended);
  const refusal = teamRefusalOf(ended, result);
  const { execution_id, conversation_id, mode, rounds, partial, errors, summary_source } = result.view;
  const n = hasEnded(ended.status) ? ended.lastEvent : null;
  if (refusal !== null) {
    const { code, message: content } = refusal;
    return recordOf(n, { type: 'error', content, code, execution_id, errors });
  }
  const summary = result.shown.find(({ teamPart }: GatewayExecution) => teamPart?.role === 'summarizer');
  if (summary !== undefined) carried.push(summary);
  const more = { execution_id, conversation_id, mode, rounds, partial, summary_source };
  return recordOf(n, { type: 'done', content: '', ...more });
}
