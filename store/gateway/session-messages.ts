import { AppError } from '../../contract/errors';
import type { GatewayExecution, GatewaySession } from '../schema/collections/gateway';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { executionsOfMessages } from './executions';

export interface SessionMessage {
  message: Message;
  /** The turn that it belongs to, null for what the agent said by itself. */
  execution: GatewayExecution | null;
}

/**
 * The newest messages of a session, or those before one of them, oldest first. The user reads what was said, whatever the
 * agent has hidden for itself since.
 * @throws AppError MESSAGE_NOT_FOUND for a `before` that is none of the session's
 */
export async function readSessionMessages(
  database: Database,
  { conversationId }: Pick<GatewaySession, 'conversationId'>,
  { limit, before }: { limit: number; before?: string | undefined },
): Promise<{ rows: SessionMessage[]; hasMore: boolean }> {
  if (conversationId === null) return { rows: [], hasMore: false };
  const end = before === undefined || before === '' ? undefined : await seqOf(database, conversationId, before);
  const found = await database.messages
    .find(
      { conversationId, ...(end === undefined ? {} : { seq: { $lt: end } }) },
      { ...SAFE_READ, sort: { seq: -1 }, limit: limit + 1 },
    )
    .toArray();
  const messages = found.slice(0, limit).reverse();
  const executions = await executionsOfMessages(
    database,
    messages.map(({ _id }) => _id),
  );
  const rows = messages.map((message) => ({ message, execution: executions.get(message._id) ?? null }));
  return { rows, hasMore: found.length > limit };
}

async function seqOf(database: Database, conversationId: string, messageId: string): Promise<number> {
  const message = await database.messages.findOne({ _id: messageId }, SAFE_READ);
  if (message === null || message.conversationId !== conversationId) throw new AppError('MESSAGE_NOT_FOUND');
  return message.seq;
}
