import { CONTENT_BYTES_MAX, TEAM_METADATA_BYTES_MAX, TEAM_TRANSCRIPT_BYTES_MAX } from '../contract/limits';
import { bytesIn, piecesOf } from './cuts';
import type { TeamAnswer, TeamMode } from './team-turn';

/** What a member of a team reads (gateway.md §5.4): the user's message and what the others have said. */

/** What is written for one member, or for who sums up. */
export interface TeamTask {
  mode: TeamMode;
  round: number;
  role: 'member' | 'summarizer';
  /** What the member is in the team; null: nobody said. */
  duty: string | null;
  message: string;
  /** What it is shown, oldest first. */
  answers: TeamAnswer[];
}

export interface TeamText {
  /** For every agent. */
  text: string;
  /** The same answers, for agents that read metadata. */
  transcript: TeamAnswer[];
}

const CUT_MARK = '…';
const CUT_MARK_BYTES = 3;

/** At most `bytesMax` UTF-8 bytes of a text, its end marked where something is missing; never half a character. */
export function cutToBytes(text: string, bytesMax: number): string {
  // A unit takes a byte at least: of a long text no more is looked at than can fit.
  if (text.length <= bytesMax && bytesIn(text) <= bytesMax) return text;
  if (bytesMax < CUT_MARK_BYTES) return '';
  const [head = ''] = piecesOf(text.slice(0, bytesMax), bytesMax - CUT_MARK_BYTES);
  return head.replace(/[\ud800-\udbff]$/, '') + CUT_MARK;
}

/**
 * The text for one member and its transcript. Each answer is cut to the same length: an equal share of what a transcript
 * may take, and less where both of its copies and the message would not fit into one message of the platform. Where not
 * even names would fit, the oldest answers are left out.
 */
export function composeTeamText(task: TeamTask): TeamText {
  for (let from = 0; ; from += Math.max(1, Math.ceil((task.answers.length - from) / 10))) {
    const answers = task.answers.slice(from);
    const share = largestShare(answers.length, (bytes) => fits(compose(task, answers, from, bytes)));
    if (share !== null || answers.length === 0) return compose(task, answers, from, share ?? 0);
  }
}

/** By halves: more bytes for each answer never make the whole shorter. Null: it does not fit with none at all. */
function largestShare(count: number, isFit: (bytes: number) => boolean): number | null {
  let most = Math.floor(TEAM_TRANSCRIPT_BYTES_MAX / Math.max(1, count));
  if (isFit(most)) return most;
  if (!isFit(0)) return null;
  let least = 0;
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (isFit(middle)) least = middle;
    else most = middle;
  }
  return least;
}

function compose(task: TeamTask, answers: TeamAnswer[], leftOut: number, bytesEach: number): TeamText {
  const transcript = answers.map((answer) => ({ ...answer, content: cutToBytes(answer.content, bytesEach) }));
  return { text: textOf(task, transcript, leftOut), transcript };
}

/** As it is stored: JSON, in which some characters are longer than they are. */
const storedBytes = (value: unknown): number => bytesIn(JSON.stringify(value));

function fits({ text, transcript }: TeamText): boolean {
  return storedBytes({ text }) + storedBytes(wireTranscript(transcript)) + TEAM_METADATA_BYTES_MAX <= CONTENT_BYTES_MAX;
}

/** As `metadata.gateway.team.transcript` has it (gateway.md §8.1). */
export const wireTranscript = (answers: TeamAnswer[]) =>
  answers.map(({ agentId: agent_id, agentName: agent_name, round, content }) => ({
    agent_id,
    agent_name,
    round,
    content,
  }));

function textOf(task: TeamTask, answers: TeamAnswer[], leftOut: number): string {
  const heading = headingOf(task);
  if (heading === null) return task.message;
  return [
    task.message,
    '---',
    ...(task.duty === null ? [] : [`Your role in the team: ${task.duty}`]),
    heading,
    ...(leftOut === 0 ? [] : [`(${leftOut} older answers are left out.)`]),
    ...answers.map(({ agentName, round, content }) => `[${agentName}, round ${round}]\n${content}`),
  ].join('\n\n');
}

/** What the member is to do with the answers; null: it gets the bare message. */
function headingOf({ mode, role, round, answers }: TeamTask): string | null {
  if (role === 'summarizer') {
    return mode === 'debate'
      ? 'The team has debated this. Weigh its positions and give your verdict in one answer.'
      : 'The team has answered this. Sum its answers up in one answer.';
  }
  if (mode === 'debate') {
    return round === 1
      ? 'This is a debate. State your own position.'
      : 'This is a debate. These are the latest positions of the others: answer them.';
  }
  if (answers.length === 0) return null;
  return mode === 'brainstorm'
    ? 'These are the answers of the round before. Add to them, do not repeat them.'
    : 'These are the answers of those who were asked before you. Go on from them.';
}
