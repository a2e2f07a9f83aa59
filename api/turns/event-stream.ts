import { STREAM_TEXT_BYTES_MAX } from '../../contract/limits';
import { piecesOf } from '../../domain/cuts';
import { refusalOf } from './outcome';
import type { TurnRecord } from './watch-turn';

/**
 * A turn as server-sent events (gateway.md §5.2). Each yielded text is one record and one write: some readers decode every
 * network chunk alone.
 * @param wantsAll whether states are shown besides the text
 * @param conversationId what the caller knows the session by; absent: its id
 */
export async function* eventStream(
  agentHandle: string,
  records: AsyncIterable<TurnRecord>,
  wantsAll: boolean,
  conversationId?: string,
): AsyncGenerator<string> {
  yield ': connected\n\n';
  for await (const record of records) {
    if (record.kind === 'closing') return yield ': closing, resume with Last-Event-ID\n\n';
    if (record.kind === 'silence') yield ': keep-alive\n\n';
    else if (record.kind === 'text') yield* textRecords(record);
    else if (record.kind === 'snapshot') yield serverSentEvent(record.n, { type: 'snapshot', content: record.text });
    else if (record.kind === 'end') yield lastRecord(agentHandle, record, conversationId);
    else if (!wantsAll) continue;
    else if (record.kind === 'tool') yield serverSentEvent(record.n, record.tool);
    else yield serverSentEvent(record.n, statusOf(record));
  }
  yield 'data: [DONE]\n\n';
}

const statusOf = ({ status, label }: Extract<TurnRecord, { kind: 'status' }>): object => ({
  type: 'status',
  status,
  ...(label === null ? {} : { label }),
});

/** The number stands with the last piece: who resumes from it has all of them. */
function textRecords({ n, text }: Extract<TurnRecord, { kind: 'text' }>): string[] {
  const pieces = piecesOf(text, STREAM_TEXT_BYTES_MAX);
  return pieces.map((content, index) =>
    serverSentEvent(index === pieces.length - 1 ? n : null, { type: 'text', content }),
  );
}

function lastRecord(
  agentHandle: string,
  { n, execution }: Extract<TurnRecord, { kind: 'end' }>,
  conversation_id: string = execution.sessionId,
): string {
  const { _id: execution_id, replies } = execution;
  const refusal = refusalOf(agentHandle, execution);
  if (refusal !== null) {
    return serverSentEvent(n, { type: 'error', content: refusal.message, code: refusal.code, execution_id });
  }
  const message_id = replies.findLast(({ isLate }) => !isLate)?.messageId ?? null;
  return serverSentEvent(n, { type: 'done', content: '', execution_id, conversation_id, message_id });
}

/** One record. @param n the number of its event; null: who resumes goes on with an earlier one */
export const serverSentEvent = (n: number | null, data: object): string =>
  `${n === null ? '' : `id: ${n}\n`}data: ${JSON.stringify(data)}\n\n`;
