import { TASK_PRIORITY_DEFAULT, TURN_SILENCE_SECONDS } from '../contract/limits';
import { beginningOf } from './cuts';
import { isJsonObject } from './json-object';

/** The rules of the chat gateway's turns (gateway.md §8.2, §9.2). */

export type TurnStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** Why a turn failed (gateway.md §9.2). */
export type TurnFailure =
  | 'timeout'
  | 'agent_offline'
  | 'agent_silent'
  | 'agent_error'
  | 'agent_suspended'
  | 'agent_deleted'
  | 'blocked'
  | 'recipient_backlogged'
  | 'response_too_large';

export const OPEN_STATUSES = ['queued', 'running'] as const satisfies TurnStatus[];

/** Why a turn fails at its deadline. @param status as it is then */
export const failureAtDeadline = (status: TurnStatus): { code: TurnFailure; message: string } =>
  status === 'running'
    ? { code: 'timeout', message: 'The agent has not answered in time' }
    : { code: 'agent_offline', message: 'The agent was not online in time' };

/** A turn that has ended never changes its status again. */
export const hasEnded = (status: TurnStatus): boolean => !OPEN_STATUSES.some((open) => open === status);

/** gateway.md §9.2: chats wait before tasks, tasks by their priority. */
export const rankOf = ({
  isTask,
  priority = TASK_PRIORITY_DEFAULT,
}: {
  isTask: boolean;
  priority?: number | undefined;
}): number => (isTask ? 10 - priority : 0);
/** What the silence of an agent shows in. */
export interface TurnSigns {
  status: TurnStatus;
  channel: string;
  startedAt: Date | null;
  /** Its last frame, typing or message; absent: none since it took the turn. */
  activeAt?: Date;
}

/** True when an agent that has taken a turn has said nothing of it for too long (gateway.md §9.2). */
export function isSilent({ status, channel, startedAt, activeAt }: TurnSigns, now: Date): boolean {
  if (status !== 'running' || startedAt === null) return false;
  const seconds = channel === 'task' ? TURN_SILENCE_SECONDS.task : TURN_SILENCE_SECONDS.others;
  return now.getTime() - (activeAt ?? startedAt).getTime() >= seconds * 1_000;
}

/** What an agent's message says about the turn that it belongs to. */
export interface ReplyMarks {
  /** `metadata.reply_to`: a message id. */
  replyTo: string | null;
  /** `metadata.gateway.execution_id`. */
  executionId: string | null;
  /** False: more of the answer is to come. */
  isFinal: boolean;
  /** It goes on where the message before it ended (gateway.md §8.4). */
  isContinuation: boolean;
  /** `metadata.gateway.error`: the agent could not answer. */
  error: ReplyError | null;
}

/** That an agent could not answer. */
export interface ReplyError {
  code: string;
  message: string;
  /** Trying again may help. */
  isRetryable: boolean;
}

/** A turn of the session that the message came into. */
export interface TurnOfSession {
  executionId: string;
  status: TurnStatus;
  /** Null while the user's message was not handed to the agent. */
  messageId: string | null;
  /** Those of tries before, oldest first. */
  earlierMessageIds?: string[];
}

/** What an agent's message does. */
export type ReplyEffect =
  | { kind: 'completes' | 'continues'; executionId: string }
  | { kind: 'fails'; executionId: string; error: ReplyError }
  /** Of a turn that has ended: kept beside it. */
  | { kind: 'late'; executionId: string }
  /** Of no turn: history and inbox only. */
  | { kind: 'unsolicited' };

/**
 * Which turn a message of the agent belongs to, and what it does to it: rules R1, R2, R4 and R5 of gateway.md §8.2.
 * @param turns those of the session, oldest first: all that are open, and the one that the message names
 */
export function correlateReply(marks: ReplyMarks, turns: TurnOfSession[]): ReplyEffect {
  const named = turns.find(
    (turn) =>
      turn.executionId === marks.executionId || messagesOf(turn).some((messageId) => messageId === marks.replyTo),
  );
  const isMarked = marks.replyTo !== null || marks.executionId !== null;
  const turn = isMarked ? named : turns.find((turn) => !hasEnded(turn.status) && messagesOf(turn).length > 0);
  if (turn === undefined) return { kind: 'unsolicited' };
  const { executionId } = turn;
  if (hasEnded(turn.status)) return { kind: 'late', executionId };
  if (marks.error !== null) return { kind: 'fails', executionId, error: marks.error };
  return { kind: marks.isFinal ? 'completes' : 'continues', executionId };
}

/** The user's messages of a turn: one for each try that was handed over. */
const messagesOf = ({ messageId, earlierMessageIds = [] }: TurnOfSession): string[] =>
  messageId === null ? earlierMessageIds : [...earlierMessageIds, messageId];

/** Longest code and text of an agent's own error that are kept. */
const ERROR_CODE_LENGTH_MAX = 100;
const ERROR_MESSAGE_LENGTH_MAX = 1_000;

/** Reads the marks of a message. @param metadata whatever an agent wrote: everything that is not as described counts as absent */
export function readMarks(metadata: Record<string, unknown>): ReplyMarks {
  const gateway = objectOf(metadata['gateway']);
  const error = gateway['error'];
  const { index, total } = objectOf(gateway['part']);
  return {
    replyTo: textOf(metadata['reply_to']),
    executionId: textOf(gateway['execution_id']),
    isFinal:
      gateway['final'] !== false && !(typeof index === 'number' && typeof total === 'number' && index < total - 1),
    isContinuation: typeof index === 'number' && index > 0,
    error: isJsonObject(error)
      ? {
          code: beginningOf(textOf(error['code']) ?? 'error', ERROR_CODE_LENGTH_MAX),
          message: beginningOf(textOf(error['message']) ?? '', ERROR_MESSAGE_LENGTH_MAX),
          isRetryable: error['retryable'] === true,
        }
      : null,
  };
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** A value that came from outside as an object; everything else as an empty one. */
export const objectOf = (value: unknown): Record<string, unknown> => (isJsonObject(value) ? value : {});

/** What a user reads of an agent's message: its text, else its data as JSON (gateway.md §8.2). */
export function responseOf(content: { text?: unknown; data?: unknown }): string {
  if (typeof content.text === 'string') return content.text;
  return content.data === undefined ? '' : JSON.stringify(content.data);
}
