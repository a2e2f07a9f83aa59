import type { GatewayEvent, GatewayExecution } from '../schema/collections/gateway';
import { newEvent } from './events';

/** A message of an agent as a part of its answer. */
export interface AnswerPart {
  text: string;
  messageId: string;
  /** It goes on where the message before it ended (gateway.md §8.4). */
  isContinuation: boolean;
}

/** Between the messages of one answer. */
const BETWEEN_MESSAGES = '\n\n';

/**
 * The answer of a turn with one more message of it: what streams show is what is stored (gateway.md §14, invariant 3). Where
 * the agent has streamed its answer, those who watch have it already, and the message's text is the answer.
 * @returns what changes in the turn but its `lastEvent`, and the event that shows it, if one does
 */
export function answerWith(
  execution: GatewayExecution,
  { text, messageId, isContinuation }: AnswerPart,
  at: Date,
): { fields: Partial<GatewayExecution>; events: GatewayEvent[] } {
  const { response, stream, lastEvent } = execution;
  const before = stream === undefined || isContinuation ? (response ?? '') : '';
  const added = before === '' || isContinuation ? text : `${BETWEEN_MESSAGES}${text}`;
  const fields = {
    response: before + added,
    replies: [...execution.replies, { messageId, isLate: false }],
    startedAt: execution.startedAt ?? at,
  };
  const event = newEvent(execution, { n: lastEvent + 1, type: 'text', data: { text: added }, at });
  return { fields, events: stream === undefined ? [event] : [] };
}
