import { STREAM_KEEP_ALIVE_MS, STREAM_TEXT_BYTES_MAX } from '../../contract/limits';
import { piecesOf } from '../../domain/cuts';
import { hasEnded } from '../../domain/turns';
import { memberNames } from '../../presenters/teams';
import { loadExecution } from '../../store/gateway/executions';
import { isTeamTurn, type TeamExecution } from '../../store/gateway/team-turns';
import type { GatewayEvent, GatewayExecution } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import type { RequestContext } from '../http/route';
import { serverSentEvent } from './event-stream';
import type { TurnReads } from './read-turns';
import { teamErrorOf, teamRefusalOf, teamResultOf } from './team-outcome';
import type { Turns } from './turns';

export interface TeamStreamDeps {
  database: Database;
  turns: Turns;
  reads: TurnReads;
}

type Answered = Pick<GatewayExecution, '_id' | 'sessionId' | 'replies'>;

/** The answers that a stream has carried: once all of it was sent, they are read. Not their texts, which are long. */
export class CarriedAnswers {
  private readonly answers = new Map<string, Answered>();

  constructor(reads: TurnReads, { onSent }: Pick<RequestContext, 'onSent'>) {
    onSent(() => this.answers.forEach((answer) => reads.answered(answer)));
  }

  add({ _id, sessionId, replies }: Answered): void {
    this.answers.set(_id, { _id, sessionId, replies });
  }
}

/** A stream of a team's turn. */
export interface TeamWatch {
  execution: TeamExecution;
  carried: CarriedAnswers;
}

export const CONNECTED = ': connected\n\n';

/**
 * What a team's turn shows behind this event, up to the end of the stream.
 * @param watch its signal ends the watching: the caller is gone, or has waited long enough
 */
export async function* recordsBehind(
  deps: TeamStreamDeps,
  watch: TeamWatch & { after: number; signal: AbortSignal },
): AsyncGenerator<string> {
  const { execution, after, signal } = watch;
  let saidAtMs = performance.now();
  for await (const event of deps.turns.follow(execution._id, after, signal)) {
    if (event?.type === 'end') break;
    const records = event === null ? [] : await recordsOf(deps.database, watch, event);
    if (records.length > 0 || performance.now() - saidAtMs >= STREAM_KEEP_ALIVE_MS) saidAtMs = performance.now();
    else continue;
    yield* records.length > 0 ? records : [': keep-alive\n\n'];
  }
  yield* endRecords(deps, watch);
}

/** The end of the stream: what has become of the turn, or that its caller is to come back to another process. */
export async function* endRecords(deps: TeamStreamDeps, watch: TeamWatch): AsyncGenerator<string> {
  const ended = await loadExecution(deps.database, watch.execution._id);
  if (ended === null || !isTeamTurn(ended)) return;
  if (!hasEnded(ended.status) && deps.turns.isClosing()) return yield ': closing, resume with Last-Event-ID\n\n';
  yield await lastRecord(deps.database, ended, watch.carried);
  yield 'data: [DONE]\n\n';
}

/** What the team had answered up to this event, in the form of the answer as JSON. */
export async function snapshotRecord(
  { database }: Pick<TeamStreamDeps, 'database'>,
  { execution, carried }: TeamWatch,
  through: number,
): Promise<string> {
  const { view, shown } = await teamResultOf(database, execution);
  shown.forEach((part) => carried.add(part));
  const { summary: content, responses, errors } = view;
  return serverSentEvent(through, { type: 'snapshot', content, responses, errors });
}

/** Records of a text: the number stands with the last one. */
function textRecords(n: number | null, text: string, more: object): string[] {
  const pieces = piecesOf(text, STREAM_TEXT_BYTES_MAX);
  return pieces.map((content, index) => serverSentEvent(index === pieces.length - 1 ? n : null, { ...more, content }));
}

async function recordsOf(
  database: Database,
  { execution, carried }: TeamWatch,
  { n, type, data }: GatewayEvent,
): Promise<string[]> {
  if (type === 'text') return textRecords(n, String(data['text']), { type: 'text' });
  if (type !== 'agent_done' && type !== 'agent_error') return [];
  // The parse point of what `noteOutcome` wrote.
  const { agent_id, round, execution_id, code: refusal } = data as unknown as Outcome;
  const part = execution_id === null ? null : await loadExecution(database, execution_id);
  const names = memberNames(execution.team);
  if (type === 'agent_error') {
    const outcome = { agentId: agent_id, executionId: execution_id, ...(refusal === undefined ? {} : { refusal }) };
    const { code, message: content, agent_name } = teamErrorOf(outcome, names, part ?? undefined);
    return [serverSentEvent(n, { type, agent_id, agent_name, round, code, content, execution_id })];
  }
  if (part !== null) carried.add(part);
  return [
    ...textRecords(null, part?.response ?? '', { type: 'agent_text', agent_id, round }),
    serverSentEvent(n, { type, agent_id, agent_name: names.get(agent_id) ?? agent_id, round, execution_id }),
  ];
}

interface Outcome {
  agent_id: string;
  round: number;
  execution_id: string | null;
  code?: NonNullable<TeamExecution['team']['outcomes'][number]['refusal']>;
}

/** Who has this record has all others, those from before the stream broke, too. */
async function lastRecord(database: Database, ended: TeamExecution, carried: CarriedAnswers): Promise<string> {
  const result = await teamResultOf(database, ended);
  const refusal = teamRefusalOf(ended, result);
  const { execution_id, conversation_id, mode, rounds, partial, errors, summary_source } = result.view;
  const n = hasEnded(ended.status) ? ended.lastEvent : null;
  if (refusal !== null) {
    const { code, message: content } = refusal;
    return serverSentEvent(n, { type: 'error', content, code, execution_id, errors });
  }
  result.answered.forEach((part) => carried.add(part));
  const more = { execution_id, conversation_id, mode, rounds, partial, summary_source };
  return serverSentEvent(n, { type: 'done', content: '', ...more });
}
