import { isAppError } from '../../contract/errors';
import { composeTeamText } from '../../domain/team-text';
import {
  answersShown,
  fallbackSummary,
  lastAnswers,
  stepsOf,
  type TeamAnswer,
  type TeamStep,
} from '../../domain/team-turn';
import { hasEnded } from '../../domain/turns';
import type { GatewaySession } from '../schema/collections/gateway';
import type { TeamMember } from '../schema/collections/gateway-teams';
import { loadExecution, noteAccepted } from './executions';
import { handOverFrom, type HandOverDeps } from './hand-over';
import { memberSessions } from './team-sessions';
import { endTeamTurn, findAnswers, findParts, noteOutcome, partId, startPart, type TeamExecution } from './team-turns';
import { detachTurn, endTurn, type EndedTurn } from './turns';

/**
 * The turns that a team's turn consists of. Each function may be repeated after a crash anywhere: a part has an id of its
 * own and is begun once, its message's client id makes it one message, and what became of it is written down once.
 */

type Deps = HandOverDeps;
type Turn = { execution: TeamExecution; session: GatewaySession };

/** The steps of a team's turn, of those members that are asked. */
export const stepsOfTurn = ({ team: { mode, rounds, members } }: TeamExecution): TeamStep[] =>
  stepsOf(
    mode,
    rounds,
    members.flatMap(({ agentId, refusal }) => (refusal === undefined ? [agentId] : [])),
  );

/** Writes down the members that are not asked. */
export async function noteRefused({ database, clock }: Deps, { _id, team }: TeamExecution): Promise<void> {
  for (const { agentId, refusal } of team.members) {
    if (refusal === undefined) continue;
    const outcome = { agentId, round: 1, executionId: null, isAnswered: false, refusal };
    await noteOutcome(database, _id, outcome, clock.now());
  }
}

/** Asks the members of a step. @returns the ids of their turns */
export function askStep(deps: Deps, turn: Turn, step: number, until: Date): Promise<string[]> {
  const { round, memberIds } = stepsOfTurn(turn.execution)[step] ?? { round: 1, memberIds: [] };
  const members = turn.execution.team.members.filter(({ agentId }) => memberIds.includes(agentId));
  return begin(deps, turn, { members, round, role: 'member' }, until);
}

/** Asks for the summary, when there is something to sum up. @returns the id of its turn, if it has one */
export async function askForSummary(deps: Deps, turn: Turn, until: Date): Promise<string[]> {
  const { summarizer, rounds, outcomes } = turn.execution.team;
  if (summarizer === null || summarizer.refusal !== undefined) return [];
  if (!outcomes.some(({ isAnswered }) => isAnswered)) return [];
  return begin(deps, turn, { members: [summarizer], round: rounds, role: 'summarizer' }, until);
}

interface ToAsk {
  members: TeamMember[];
  round: number;
  role: 'member' | 'summarizer';
}

type Asked = Omit<ToAsk, 'members'> & {
  member: TeamMember;
  /** All that were given so far. */
  answers: TeamAnswer[];
  /** Its part of the team's session. */
  own: GatewaySession;
};

/** Begins these turns and hands their messages over. Who may not be asked is written down, and is not among them. */
async function begin(deps: Deps, turn: Turn, { members, ...toAsk }: ToAsk, until: Date): Promise<string[]> {
  const { database, clock } = deps;
  const ids = members.map(({ agentId }) => agentId);
  const sessions = await memberSessions(database, turn.session, ids, clock.now());
  const answers = await findAnswers(database, turn.execution);
  const begun = await Promise.all(
    members.map(async (member) => {
      const own = sessions.get(member.agentId);
      if (own === undefined) throw new Error('a member has no session');
      const id = await start(deps, turn.execution, { ...toAsk, member, answers, own }, until);
      if (id !== null) await handOverFrom(deps, id);
      return id;
    }),
  );
  return begun.filter((id) => id !== null);
}

/** @returns the id of the turn; null when the member may not be asked, which is written down */
async function start(
  { database, clock }: Deps,
  execution: TeamExecution,
  { member, round, role, answers, own }: Asked,
  until: Date,
): Promise<string | null> {
  const { name, mode, rounds } = execution.team;
  const { agentId } = member;
  const { text, transcript } = composeTeamText({
    mode,
    round,
    role,
    duty: member.role,
    message: execution.message,
    answers: role === 'summarizer' ? answers : answersShown({ mode, round, agentId }, answers),
  });
  const id = partId(execution._id, role === 'summarizer' ? 'summary' : { agentId, round });
  try {
    await startPart(database, {
      id,
      session: own,
      channel: 'team',
      contactOf: member.isOwned ? null : own.ownerId,
      message: text,
      wantsStream: false,
      hints: {},
      waitUntil: until,
      // Behind its step it is open as long as the team's turn: a late answer is not taken for that of the next round.
      deadlineAt: execution.deadlineAt,
      now: clock.now(),
      teamPart: { executionId: execution._id, teamId: execution.agentId, name, mode, round, rounds, role, transcript },
    });
    return id;
  } catch (error) {
    if (!isAppError(error)) throw error;
    const outcome = { agentId, round, executionId: null, isAnswered: false, refusal: error.code };
    if (role === 'member') await noteOutcome(database, execution._id, outcome, clock.now());
    return null;
  }
}

/**
 * Writes down what became of a part.
 * @param isOver also of one that is still open: its step is over
 * @returns false while it is open
 */
export async function notePart(
  { database, clock }: Deps,
  executionId: string,
  id: string,
  isOver = false,
): Promise<boolean> {
  const part = await loadExecution(database, id);
  if (part === null) return true;
  if (!hasEnded(part.status) && !isOver) return false;
  if (part.teamPart?.role !== 'member') return true;
  const { agentId, status } = part;
  const outcome = { agentId, round: part.teamPart.round, executionId: id, isAnswered: status === 'completed' };
  await noteOutcome(database, executionId, outcome, clock.now());
  return true;
}

/** The time of a step is over: nobody waits for what of it is still open, and all is written down. */
export async function endStep(deps: Deps, execution: TeamExecution, step: number): Promise<void> {
  const { round, memberIds } = stepsOfTurn(execution)[step] ?? { round: 1, memberIds: [] };
  for (const agentId of memberIds) {
    const id = partId(execution._id, { agentId, round });
    await letGo(deps, id);
    await notePart(deps, execution._id, id, true);
  }
}

/** The next round goes on without a part: it holds its member's session no more, and fails when its time is over. */
async function letGo(deps: Deps, id: string): Promise<void> {
  const { database, clock } = deps;
  const part = await loadExecution(database, id);
  if (part === null || hasEnded(part.status)) return;
  // One that was never handed over would hold up those behind it.
  if (part.messageId === null || clock.now() >= part.deadlineAt) return failPart(deps, id);
  await handOverFrom(deps, await detachTurn(database, id, clock.now()));
}

/** A part whose time is over fails, unless it has ended. */
async function failPart({ database, clock }: Deps, id: string): Promise<void> {
  const execution = await loadExecution(database, id);
  if (execution === null || hasEnded(execution.status)) return;
  const { status } = await noteAccepted(database, execution);
  const error =
    status === 'running'
      ? { code: 'timeout' as const, message: 'The agent has not answered in time' }
      : { code: 'agent_offline' as const, message: 'The agent was not online in time' };
  await endTurn(database, id, { status: 'failed', error, at: clock.now() });
}

/** Ends a team's turn with what there is: one answer is enough, and a summary that nobody wrote is stood in for. */
export async function finishTeam(deps: Deps, execution: TeamExecution): Promise<void> {
  const { database, clock } = deps;
  const { _id: id, team } = execution;
  const answers = lastAnswers(
    await findAnswers(database, execution),
    team.members.map(({ agentId }) => agentId),
  );
  if (answers.length === 0) {
    const error = { code: 'timeout', message: 'No member of the team has answered in time' } as const;
    const summary = { source: 'none', executionId: null } as const;
    await endTeamTurn(database, id, { status: 'failed', error, summary, text: '', at: clock.now() });
    return;
  }
  const { text, ...summary } =
    team.summarizer === null
      ? { source: 'none' as const, executionId: null, text: '' }
      : await readSummary(deps, partId(id, 'summary'), answers);
  await endTeamTurn(database, id, { status: 'completed', summary, text, at: clock.now() });
}

async function readSummary(deps: Deps, summaryId: string, answers: TeamAnswer[]) {
  await failPart(deps, summaryId);
  const part = await loadExecution(deps.database, summaryId);
  const executionId = part?._id ?? null;
  return part?.status === 'completed'
    ? { source: 'agent' as const, executionId, text: part.response ?? '' }
    : { source: 'fallback' as const, executionId, text: fallbackSummary(answers) };
}

/** Cancels all that is still open of a team's turn. @returns those that this call has ended */
export async function cancelParts({ database, clock }: Deps, execution: TeamExecution): Promise<EndedTurn[]> {
  const ids = stepsOfTurn(execution).flatMap(({ round, memberIds }) =>
    memberIds.map((agentId) => partId(execution._id, { agentId, round })),
  );
  const found = await findParts(database, [...ids, partId(execution._id, 'summary')]);
  const cancelled: EndedTurn[] = [];
  for (const { _id, status } of found.values()) {
    if (hasEnded(status)) continue;
    const ended = await endTurn(database, _id, { status: 'cancelled', at: clock.now() });
    if (ended !== null) cancelled.push(ended);
  }
  return cancelled;
}
