import type { ChatMessage, ChatSession, Execution } from './wire';
import { dayKey, shortDateLabel, timeLabel, type Place } from './times';
import { hasEnded, type Turn } from './turn';

const TITLE_LENGTH_MAX = 60;
/** gateway.md §4.1. */
export const MESSAGE_BYTES_MAX = 24_576;

/** What a chat is called after the first thing that was said in it. */
export function titleFrom(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim();
  if (line.length <= TITLE_LENGTH_MAX) return line;
  const cut = line.slice(0, TITLE_LENGTH_MAX - 1);
  const atWord = cut.replace(/\s+\S*$/, '');
  const short = atWord.length > TITLE_LENGTH_MAX / 2 ? atWord : cut;
  return `${short.replace(/[\ud800-\udbff]$/, '')}…`;
}

/** What a chat without a title is called. */
export function chatTitle({ title, at }: { title: string | null; at: string }, place: Place = {}): string {
  return title?.trim() || `Chat of ${shortDateLabel(at, place)}, ${timeLabel(at, place)}`;
}

/** By how many bytes a message is too long; 0: it is not. */
export function bytesTooLong(message: string): number {
  return Math.max(0, new TextEncoder().encode(message).length - MESSAGE_BYTES_MAX);
}

/** What a person on the other side of a session is called. */
export function userOf({ user_email: email, kind }: Pick<ChatSession, 'user_email' | 'kind'>): string {
  return email ?? (kind === 'paid' ? 'Paying visitor' : 'Visitor');
}

/** Why a turn brought no answer; null when it did, or still may. */
export type Ending = { kind: 'stopped' } | { kind: 'failed'; text: string };

/** What a chat shows, oldest first. */
export type TalkItem =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'said'; key: string; isOwn: boolean; text: string; at: string; isLate: boolean }
  /** An answer that is not stored yet, or what was heard of one that never will be. */
  | { kind: 'answer'; key: string; turn: Turn }
  /** Under what was said: no answer came. `message`: for saying it again. */
  | { kind: 'ending'; key: string; ending: Ending; message: string; turn: Turn | null };

export interface Talk {
  /** Oldest first. */
  messages: readonly ChatMessage[];
  executions: readonly Execution[];
  /** Of this tab, in the order in which they were said. */
  turns: readonly Turn[];
}

/** A turn as far as it is not among the messages. */
interface Open {
  executionId: string | null;
  message: string;
  at: string;
  key: string;
  turn: Turn | null;
  ending: Ending | null;
}

/** Messages with the turns where they belong: behind the last message of each, or at the end. */
export function talkItems({ messages, executions, turns }: Talk, place: Place = {}): TalkItem[] {
  const items: TalkItem[] = [];
  const open = [...unanswered(executions, turns, messages)];
  const live = new Set(turns.filter((turn) => !hasEnded(turn)).map(({ executionId }) => executionId));
  // What an open turn has brought so far is in its stream, whole and in order.
  const shown = messages.filter(
    (message, index) =>
      isUsers(message) ||
      message.late ||
      (message.execution_id === null
        ? !isHeard(message, messages.slice(0, index), turns)
        : !live.has(message.execution_id)),
  );
  for (const message of shown) {
    pushDay(items, message.timestamp, place);
    items.push(saidItem(message));
    const here = open.findIndex((one) => isLastOf(one, message, shown));
    if (here !== -1) items.push(...turnItems(...open.splice(here, 1)));
  }
  for (const one of open) {
    pushDay(items, one.at, place);
    const { key, message, at } = one;
    const isThere = shown.some(
      (row) => isUsers(row) && row.execution_id !== null && row.execution_id === one.executionId,
    );
    if (!isThere) items.push({ kind: 'said', key: `said-${key}`, isOwn: true, text: message, at, isLate: false });
    items.push(...turnItems(one));
  }
  return items;
}

const isUsers = ({ role }: ChatMessage): boolean => role === 'user';

/**
 * What the agent said belongs to a turn a moment after it is stored: until then it would stand beside the same words of the
 * turn's stream. @param before the messages before it
 */
const isHeard = ({ content }: ChatMessage, before: readonly ChatMessage[], turns: readonly Turn[]): boolean =>
  turns.some(
    ({ executionId, text }) =>
      executionId !== null &&
      content !== '' &&
      text.includes(content) &&
      before.some((row) => isUsers(row) && row.execution_id === executionId),
  );

const saidItem = (message: ChatMessage): TalkItem => ({
  kind: 'said',
  key: message.id,
  isOwn: isUsers(message),
  text: message.content,
  at: message.timestamp,
  isLate: message.late,
});

/** Of an ended turn: an open one stands at the end, where its answer is awaited. */
function isLastOf({ executionId, turn, ending }: Open, message: ChatMessage, all: readonly ChatMessage[]): boolean {
  if (executionId === null || message.execution_id !== executionId) return false;
  if (ending === null && turn !== null && !hasEnded(turn)) return false;
  return all.findLast((other) => other.execution_id === executionId && !other.late) === message;
}

/** Turns whose answer is not among the messages: as this tab follows them, else as the server tells. */
function unanswered(
  executions: readonly Execution[],
  turns: readonly Turn[],
  messages: readonly ChatMessage[],
): Open[] {
  const followed = new Set(turns.map(({ executionId }) => executionId));
  const answered = new Set(messages.flatMap((row) => (isUsers(row) || row.late ? [] : [row.execution_id])));
  const oldest = messages[0]?.timestamp ?? '';
  const known = executions
    // What was said further back is shown when it is read.
    .filter(
      ({ id, queued_at: at }) => !followed.has(id) && (messages.some((row) => row.execution_id === id) || at >= oldest),
    )
    .flatMap((execution): Open[] => {
      const ending = endingOf(execution.status, execution.error);
      const { id, message, queued_at: at } = execution;
      return ending === null ? [] : [{ executionId: id, message, at, key: id, turn: null, ending }];
    });
  const own = turns
    .filter(({ status, executionId }) => status !== 'completed' || !answered.has(executionId))
    .map((turn): Open => {
      const { executionId, message, at, key, status, problem } = turn;
      return { executionId, message, at, key, turn, ending: endingOf(status, problem?.message ?? null) };
    });
  return [...known.reverse(), ...own];
}

function endingOf(status: Turn['status'], error: string | null): Ending | null {
  if (status === 'cancelled') return { kind: 'stopped' };
  if (status === 'refused') return { kind: 'failed', text: error || 'It could not be sent' };
  return status === 'failed' ? { kind: 'failed', text: error || 'No answer came' } : null;
}

function turnItems(...open: Open[]): TalkItem[] {
  return open.flatMap(({ key, turn, ending, message }) => {
    const hasAnswer = turn !== null && (ending === null || turn.text !== '');
    return [
      ...(hasAnswer ? [{ kind: 'answer' as const, key: `answer-${key}`, turn }] : []),
      ...(ending === null ? [] : [{ kind: 'ending' as const, key: `ending-${key}`, ending, message, turn }]),
    ];
  });
}

function pushDay(items: TalkItem[], at: string, place: Place): void {
  const last = items.findLast((item) => item.kind === 'day');
  const day = dayKey(at, place);
  if (last === undefined || dayKey(last.at, place) !== day) items.push({ kind: 'day', key: `day-${day}`, at });
}

/** What is said of an answer that is awaited. */
export function waitingText(turn: Turn, agentName: string): string {
  if (turn.isBroken) return 'The connection broke off. Going on…';
  if (turn.isWaitOver) return 'No answer yet. One that comes later appears here.';
  if (turn.status === 'sending') return 'Sending…';
  if (turn.label !== null && turn.label !== '') return turn.label;
  if (turn.status === 'queued') return `Waiting for ${agentName} to take it…`;
  return turn.text === '' ? `${agentName} is working on it…` : 'Answering…';
}
