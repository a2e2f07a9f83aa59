import { createHash } from 'node:crypto';
import { GATEWAY_ID_PREFIX } from '../../contract/ids';
import { TEAM_TRANSCRIPT_BYTES_MAX } from '../../contract/limits';
import type { TeamAnswer } from '../../domain/team-turn';
import { hasEnded, OPEN_STATUSES } from '../../domain/turns';
import type { GatewayExecution, GatewaySession } from '../schema/collections/gateway';
import type { TeamOutcome, TeamTurn } from '../schema/collections/gateway-teams';
import { isDuplicateKey } from '../schema/conflicts';
import { withTransaction, type Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { newEvent } from './events';
import { loadExecution } from './executions';
import { endTurnIn, loadTurn, startTurn, type EndedTurn, type NewTurn, type TurnEnd } from './turns';

/** The turn of a team, which is a turn of its session like any other, but has no message of its own. */
export type TeamExecution = GatewayExecution & { team: TeamTurn };

export const isTeamTurn = (execution: GatewayExecution): execution is TeamExecution => execution.team !== undefined;

/** A turn of a team with its session; null for everything else. */
export async function loadTeamTurn(
  database: Database,
  executionId: string,
): Promise<{ execution: TeamExecution; session: GatewaySession } | null> {
  const turn = await loadTurn(database, executionId);
  if (turn === null || !isTeamTurn(turn.execution)) return null;
  return { execution: turn.execution, session: turn.session };
}

/**
 * The id of the turn that a member has in a round, or that who sums up has: always the same one, so that a repeat after a
 * crash finds the turn that was begun.
 */
export function partId(executionId: string, part: { agentId: string; round: number } | 'summary'): string {
  const name = part === 'summary' ? part : `${part.round}\0${part.agentId}`;
  const hash = createHash('sha256').update(`${executionId}\0${name}`).digest('base64url');
  return GATEWAY_ID_PREFIX.execution + hash.slice(0, 16);
}

/**
 * Says that a team's turn is the first of its session and runs. Repeating it changes nothing, and gives the time of the
 * first.
 * @returns false when it waits or has ended
 */
export async function openTeamTurn(
  database: Database,
  { execution, session }: { execution: TeamExecution; session: GatewaySession },
  at: Date,
): Promise<boolean> {
  if (hasEnded(execution.status) || session.turns[0] !== execution._id) return false;
  await withTransaction(database, async (transaction) => {
    const running = await database.gatewayExecutions.findOneAndUpdate(
      { _id: execution._id, status: 'queued' },
      { $set: { status: 'running', startedAt: at }, $inc: { lastEvent: 1 } },
      { session: transaction, returnDocument: 'after' },
    );
    if (running === null) return;
    const event = newEvent(running, { n: running.lastEvent, type: 'status', data: { status: 'running' }, at });
    await database.gatewayEvents.insertOne(event, { session: transaction });
  });
  return true;
}

/** Begins a part of a team's turn, or finds it begun. Two at once: one insert of the same id goes through. */
export async function startPart(database: Database, turn: NewTurn & { id: string }): Promise<GatewayExecution> {
  const begun = await loadExecution(database, turn.id);
  if (begun !== null) return begun;
  return startTurn(database, turn).catch(async (error: unknown) => {
    const other = isDuplicateKey(error) ? await loadExecution(database, turn.id) : null;
    if (other === null) throw error;
    return other;
  });
}

/**
 * Writes down what became of one member in one round, with the event that tells it. Any number of times: it is written
 * once, and not any more when the team's turn has ended.
 */
export function noteOutcome(database: Database, executionId: string, outcome: TeamOutcome, at: Date): Promise<void> {
  const { agentId, round, isAnswered, executionId: partExecutionId, refusal } = outcome;
  return withTransaction(database, async (transaction) => {
    const noted = await database.gatewayExecutions.findOneAndUpdate(
      {
        _id: executionId,
        status: { $in: [...OPEN_STATUSES] },
        'team.outcomes': { $not: { $elemMatch: { agentId, round } } },
      },
      { $push: { 'team.outcomes': outcome }, $inc: { lastEvent: 1 } },
      { session: transaction, returnDocument: 'after' },
    );
    if (noted === null) return;
    const data = {
      agent_id: agentId,
      round,
      execution_id: partExecutionId,
      ...(refusal === undefined ? {} : { code: refusal }),
    };
    const type = isAnswered ? 'agent_done' : 'agent_error';
    await database.gatewayEvents.insertOne(newEvent(noted, { n: noted.lastEvent, type, data, at }), {
      session: transaction,
    });
  });
}

/**
 * Ends a team's turn with its summary, unless it has ended: then nothing changes.
 * @returns null when it had ended before
 */
export function endTeamTurn(
  database: Database,
  executionId: string,
  { summary, text, ...end }: Omit<TurnEnd, 'part'> & { summary: NonNullable<TeamTurn['summary']>; text: string },
): Promise<EndedTurn | null> {
  return withTransaction(database, async (transaction) => {
    const execution = await database.gatewayExecutions.findOne(
      { _id: executionId, status: { $in: [...OPEN_STATUSES] } },
      { session: transaction },
    );
    if (execution === null) return null;
    const n = execution.lastEvent + 1;
    const hasText = text !== '';
    await database.gatewayExecutions.updateOne(
      { _id: executionId },
      { $set: { response: text, 'team.summary': summary, ...(hasText ? { lastEvent: n } : {}) } },
      { session: transaction },
    );
    if (hasText) {
      const event = newEvent(execution, { n, type: 'text', data: { text }, at: end.at });
      await database.gatewayEvents.insertOne(event, { session: transaction });
    }
    return endTurnIn(database, executionId, end, transaction);
  });
}

/** The turns of these ids, by their ids. */
export async function findParts(database: Database, ids: (string | null)[]): Promise<Map<string, GatewayExecution>> {
  const known = ids.filter((id) => id !== null);
  if (known.length === 0) return new Map();
  const rows = await database.gatewayExecutions.find({ _id: { $in: known } }, SAFE_READ).toArray();
  return new Map(rows.map((row) => [row._id, row]));
}

/** Characters of an answer that a transcript can need: one more than it can show. */
const SHOWN_MAX = TEAM_TRANSCRIPT_BYTES_MAX + 1;

/**
 * The answers that a team has given, by rounds and in the order of the team. Of long ones as much as a transcript can
 * show, and a little more: who cuts them must see that they are longer.
 */
export async function findAnswers(database: Database, { team }: TeamExecution): Promise<TeamAnswer[]> {
  const answered = team.outcomes.filter(({ isAnswered }) => isAnswered);
  const ids = answered.flatMap(({ executionId }) => executionId ?? []);
  const contents = new Map<string, string>();
  const rows = database.gatewayExecutions.find(
    { _id: { $in: ids } },
    { ...SAFE_READ, projection: { response: { $substrCP: [{ $ifNull: ['$response', ''] }, 0, SHOWN_MAX] } } },
  );
  for await (const { _id, response } of rows) {
    contents.set(_id, response ?? '');
  }
  const places = new Map(team.members.map(({ agentId, name }, place) => [agentId, { place, name }]));
  return answered
    .map(({ agentId, round, executionId }) => ({
      agentId,
      agentName: places.get(agentId)?.name ?? agentId,
      round,
      content: contents.get(executionId ?? '') ?? '',
    }))
    .sort(
      (one, other) =>
        one.round - other.round || (places.get(one.agentId)?.place ?? 0) - (places.get(other.agentId)?.place ?? 0),
    );
}

/** The row of the outbox by which a team's turn was started leaves it: its flow was started. */
export async function settleTeamStarted(database: Database, executionId: string): Promise<void> {
  await database.outbox.deleteMany({ kind: 'team-turn.started', executionId });
}

/** What the flow of a team's turn is started with; null when the turn is gone. */
export async function teamFlowInputOf(database: Database, executionId: string) {
  const execution = await loadExecution(database, executionId);
  if (execution === null || !isTeamTurn(execution)) return null;
  return {
    executionId,
    teamId: execution.agentId,
    sessionId: execution.sessionId,
    deadlineAt: execution.deadlineAt.toISOString(),
  };
}
