import { TURN_ANSWER_BYTES_MAX } from '../../contract/limits';
import { bytesIn } from '../../domain/cuts';
import type { GatewayEvent, GatewayExecution } from '../schema/collections/gateway';
import { newEvent } from './events';

/** A message of an agent as a part of its answer. */
export interface AnswerPart {
  text: string;
  messageId: string;
  /** It goes on where the message before it ended (gateway.md §8.4). */
  isContinuation: boolean;
  /** The file that it brings; null: none. */
  attachmentId: string | null;
}

/** Files of one answer. */
const FILES_MAX = 20;

/** Between the messages of one answer. */
const BETWEEN_MESSAGES = '\n\n';

/** Messages of its agent that stand in a turn; history has all of them. */
export const TURN_REPLIES_MAX = 1_000;

/** True when the turn cannot take the message: its answer would be too large, or came in too many messages. */
export function isTooMuch(
  { response, stream, replies }: GatewayExecution,
  { text, isContinuation }: AnswerPart,
): boolean {
  const before = stream === undefined || isContinuation ? bytesIn(response ?? '') : 0;
  return before + bytesIn(text) > TURN_ANSWER_BYTES_MAX || replies.length >= TURN_REPLIES_MAX;
}

/**
 * The answer of a turn with one more message of it: what streams show is what is stored (gateway.md §14, invariant 3). Where
 * the agent has streamed its answer, those who watch have it already, and the message's text is the answer.
 * @returns what changes in the turn but its `lastEvent`, and the event that shows it, if one does
 */
export function answerWith(
  execution: GatewayExecution,
  { text, messageId, isContinuation, attachmentId }: AnswerPart,
  at: Date,
): { fields: Partial<GatewayExecution>; events: GatewayEvent[] } {
  const { response, stream, lastEvent } = execution;
  const before = stream === undefined || isContinuation ? (response ?? '') : '';
  const added = before === '' || isContinuation ? text : `${BETWEEN_MESSAGES}${text}`;
  const fields = {
    response: before + added,
    replies: [...execution.replies, { messageId, isLate: false, ...(isContinuation ? { isContinuation } : {}) }],
    startedAt: execution.startedAt ?? at,
    activeAt: at,
    ...(attachmentId === null
      ? {}
      : { attachments: [...(execution.attachments ?? []), attachmentId].slice(0, FILES_MAX) }),
  };
  const event = newEvent(execution, { n: lastEvent + 1, type: 'text', data: { text: added }, at });
  return { fields, events: stream === undefined ? [event] : [] };
}
