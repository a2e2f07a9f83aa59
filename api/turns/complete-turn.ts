import { AppError } from '../../contract/errors';
import { jsonDepth } from '../../contract/json';
import { CONTENT_BYTES_MAX, JSON_DEPTH_MAX, TURN_ANSWER_BYTES_MAX, TURN_PART_BYTES_MAX } from '../../contract/limits';
import type { CompleteTurnBody } from '../../contract/turn-frames';
import { partsOf } from '../../domain/cuts';
import { objectOf } from '../../domain/turns';
import { loadAgentTurn, streamedText } from '../../store/gateway/turn-events';
import type { Agent } from '../../store/schema/collections/agents';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import type { Committer } from '../../store/sending/committer';
import type { SendOutcome } from '../../store/sending/send-types';

type Completer = Pick<Agent, '_id' | 'handle' | 'isSystem' | 'keyVersion'>;
type Sent = Extract<SendOutcome, { kind: 'accepted' | 'replayed' }>;

/**
 * Stores the answer of a turn as messages of its agent, which ends the turn as any answer does: what was streamed, unless
 * the agent gives another text. A long one is several messages (gateway.md §8.4), each with a client id of its own, so that
 * a repeat after a crash in the middle adds what is missing and nothing twice.
 * @returns the last of the messages
 * @throws AppError EXECUTION_NOT_FOUND, CONTENT_TOO_LARGE, VALIDATION_ERROR, refusals of a send
 */
export async function completeTurn(
  { database, committer }: { database: Database; committer: Pick<Committer, 'send'> },
  agent: Completer,
  executionId: string,
  body: CompleteTurnBody,
): Promise<Sent> {
  const { execution, session } = await loadAgentTurn(database, agent._id, executionId);
  const text = body.content?.text ?? (await streamedText(database, executionId));
  if (Buffer.byteLength(text) > TURN_ANSWER_BYTES_MAX) {
    throw new AppError('CONTENT_TOO_LARGE', { max_bytes: TURN_ANSWER_BYTES_MAX });
  }
  const parts = partsOf(text, TURN_PART_BYTES_MAX);
  const { _id: id, handle, isSystem, keyVersion } = agent;
  let last: Sent | null = null;
  for (const index of parts.keys()) {
    const outcome = await committer.send({
      sender: { id, handle, isSystem, keyVersion, isCached: false },
      to: session.guestHandle,
      ...partOfAnswer(execution, body, parts, index),
    });
    if (outcome.kind === 'unproven') throw new AppError('UNAUTHORIZED');
    last = outcome;
  }
  if (last === null) throw new Error('an answer has at least one part');
  return last;
}

/** One message of the answer. A file comes with the last one: a reference to it is checked as in any send. */
function partOfAnswer(
  { _id: executionId, messageId }: GatewayExecution,
  body: CompleteTurnBody,
  parts: string[],
  index: number,
) {
  const isLast = index === parts.length - 1;
  const { attachment_id: file, ...content } = body.content ?? {};
  const attachmentId = isLast && typeof file === 'string' ? file : null;
  const named = attachmentId === null ? {} : { attachment_id: attachmentId };
  const gateway = {
    ...objectOf(body.metadata?.['gateway']),
    ...(body.usage === null || body.usage === undefined ? {} : { usage: body.usage }),
    execution_id: executionId,
    ...(parts.length === 1 ? {} : { part: { index, total: parts.length } }),
  };
  return {
    clientMsgId: isLast ? body.client_msg_id : `${executionId}:part:${index}`,
    type: 'text' as const,
    content: JSON.stringify({ ...content, ...named, text: parts[index] }),
    metadata: metadataOf({ ...body.metadata, reply_to: messageId, gateway }),
    attachmentId,
  };
}

/** What of a platform message its metadata may take beside a part of an answer. */
const METADATA_BYTES_MAX = CONTENT_BYTES_MAX - TURN_PART_BYTES_MAX;

function metadataOf(metadata: object): string {
  const text = JSON.stringify(metadata);
  if (Buffer.byteLength(text) > METADATA_BYTES_MAX) {
    throw new AppError('CONTENT_TOO_LARGE', { max_bytes: METADATA_BYTES_MAX });
  }
  if (jsonDepth(text) > JSON_DEPTH_MAX) throw new AppError('VALIDATION_ERROR');
  return text;
}
