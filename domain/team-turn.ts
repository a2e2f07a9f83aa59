import { TEAM_MODE_ROUNDS, TEAM_ROUNDS_MAX, TEAM_SUMMARY_RESERVE } from '../contract/limits';
import { beginningOf } from './cuts';

/** The rules of a team's turn (gateway.md §5.4): which members are asked what, in which order, and for how long. */

export type TeamMode = 'parallel' | 'brainstorm' | 'sequential' | 'debate';

/** What a caller may ask for: `auto` chooses by the text. */
export type TeamChatMode = TeamMode | 'auto';

/** The mode that is run for a message. */
export function modeOf(asked: TeamChatMode, message: string): TeamMode {
  if (asked !== 'auto') return asked;
  if (/debate|versus|\bvs\b|pros and cons|argue/i.test(message)) return 'debate';
  if (/step by step|pipeline/i.test(message) || followsInLine(message, 'first ', ' then')) return 'sequential';
  if (followsInLine(message, 'draft ', ' review')) return 'sequential';
  return /brainstorm|ideas?\b/i.test(message) ? 'brainstorm' : 'parallel';
}

/** As the pattern `first .* then`, in time that grows with the text, not with its square. */
function followsInLine(text: string, first: string, then: string): boolean {
  return text
    .toLowerCase()
    .split(/[\n\r\u2028\u2029]/)
    .some((line) => {
      const start = line.indexOf(first);
      return start >= 0 && line.lastIndexOf(then) >= start + first.length;
    });
}

/** How many rounds are run: what is asked for, within what the mode and the team allow. */
export function roundsOf(mode: TeamMode, asked: number | undefined, teamMax: number): number {
  const { default: usual, max } = TEAM_MODE_ROUNDS[mode];
  return Math.max(1, Math.min(asked ?? usual, max, teamMax, TEAM_ROUNDS_MAX));
}

/** Whether the answers are summed up: of a parallel turn only when somebody asks for it. */
export function wantsSummary(mode: TeamMode, asked: boolean | undefined, hasSummarizer: boolean): boolean {
  return asked ?? (mode !== 'parallel' || hasSummarizer);
}

/** Members that are asked at the same time. */
export interface TeamStep {
  /** From 1 on. */
  round: number;
  memberIds: string[];
}

/** The steps of a turn in their order, without the summary. */
export function stepsOf(mode: TeamMode, rounds: number, memberIds: string[]): TeamStep[] {
  if (memberIds.length === 0) return [];
  return Array.from({ length: rounds }, (_, index) => index + 1).flatMap((round) =>
    mode === 'sequential' ? memberIds.map((id) => ({ round, memberIds: [id] })) : [{ round, memberIds }],
  );
}

/** Until when members may answer: what is kept back of the turn's time is for the summary. */
export function membersUntil(
  { nowMs, deadlineMs }: { nowMs: number; deadlineMs: number },
  hasSummary: boolean,
): number {
  const { msMax, share } = TEAM_SUMMARY_RESERVE;
  const reserve = hasSummary ? Math.min(msMax, Math.max(0, deadlineMs - nowMs) * share) : 0;
  return Math.floor(deadlineMs - reserve);
}

/** Until when a step may take: the time that is left is shared equally by the steps that are left, this one included. */
export function stepUntil({
  nowMs,
  untilMs,
  stepsLeft,
}: {
  nowMs: number;
  untilMs: number;
  stepsLeft: number;
}): number {
  return Math.floor(Math.min(untilMs, nowMs + Math.max(0, untilMs - nowMs) / Math.max(1, stepsLeft)));
}

/** A member's answer. */
export interface TeamAnswer {
  agentId: string;
  agentName: string;
  round: number;
  content: string;
}

/**
 * Which answers a member is shown in a round.
 * @param answers those that were given before, oldest first
 */
export function answersShown<Answer extends Pick<TeamAnswer, 'agentId' | 'round'>>(
  { mode, round, agentId }: { mode: TeamMode; round: number; agentId: string },
  answers: Answer[],
): Answer[] {
  switch (mode) {
    case 'parallel':
      return [];
    case 'brainstorm':
      return answers.filter((answer) => answer.round === round - 1);
    case 'sequential':
      return answers;
    case 'debate':
      return lastAnswers(
        answers.filter((answer) => answer.round < round && answer.agentId !== agentId),
        [...new Set(answers.map((answer) => answer.agentId))],
      );
  }
}

/** The last answer of each member that gave one, in the order of the team. */
export function lastAnswers<Answer extends Pick<TeamAnswer, 'agentId'>>(
  answers: Answer[],
  memberIds: string[],
): Answer[] {
  const byMember = new Map(answers.map((answer) => [answer.agentId, answer]));
  return memberIds.flatMap((id) => byMember.get(id) ?? []);
}

const FALLBACK_LENGTH_MAX = 200;

/** What stands for a summary that nobody wrote: a line for each answer. */
export function fallbackSummary(answers: Pick<TeamAnswer, 'agentName' | 'content'>[]): string {
  return answers
    .map(({ agentName, content }) => {
      // More is cut anyway: only as much is looked at as can become a line.
      const line = content
        .slice(0, FALLBACK_LENGTH_MAX * 10)
        .replace(/\s+/g, ' ')
        .trim();
      return `${agentName}: ${beginningOf(line, FALLBACK_LENGTH_MAX)}`;
    })
    .join('\n');
}
