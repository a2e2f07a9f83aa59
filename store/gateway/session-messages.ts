import { AppError } from '../../contract/errors';
import type { GatewayExecution, GatewaySession } from '../schema/collections/gateway';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { executionsOfMessages } from './executions';

export interface SessionMessage {
  session: GatewaySession;
  message: Message;
  /** The turn that it belongs to, null for what the agent said by itself. */
  execution: GatewayExecution | null;
}

/** A page that goes backwards. `before`: a message id; absent or empty = from the newest. */
export interface MessagesPage {
  limit: number;
  before?: string | undefined;
}

/**
 * The newest messages of a session, or those before one of them, oldest first. The user reads what was said, whatever the
 * agent has hidden for itself since.
 * @throws AppError MESSAGE_NOT_FOUND for a `before` that is none of the session's
 */
export async function readSessionMessages(
  database: Database,
  session: GatewaySession,
  { limit, before }: MessagesPage,
): Promise<{ rows: SessionMessage[]; hasMore: boolean }> {
  const { conversationId } = session;
  if (conversationId === null) return { rows: [], hasMore: false };
  const end = isGiven(before) ? (await placeOfMessage(database, [session], before)).seq : undefined;
  const found = await database.messages
    .find(
      { conversationId, ...(end === undefined ? {} : { seq: { $lt: end } }) },
      { ...SAFE_READ, sort: { seq: -1 }, limit: limit + 1 },
    )
    .toArray();
  return page(database, [session], found, limit);
}

/**
 * The same of several sessions, by time: of each session no more than the page is looked at.
 * @throws AppError MESSAGE_NOT_FOUND
 */
export async function readMessagesOf(
  database: Database,
  sessions: GatewaySession[],
  { limit, before }: MessagesPage,
): Promise<{ rows: SessionMessage[]; hasMore: boolean }> {
  const end = isGiven(before) ? await placeOfMessage(database, sessions, before) : null;
  const found: Message[] = [];
  for (const { conversationId, activeAt } of sessions) {
    // Sessions come with the last active first: behind a full page all others are older than what it has.
    const oldest = found.length > limit ? found[limit] : undefined;
    if (oldest !== undefined && activeAt < oldest.createdAt) break;
    if (conversationId === null) continue;
    const rows = await database.messages
      .find({ conversationId }, { ...SAFE_READ, sort: { seq: -1 }, limit: limit + 1 })
      .toArray();
    found.push(...(end === null ? rows : await olderThan(database, conversationId, rows, end, limit)));
    found.sort((one, other) => other.createdAt.getTime() - one.createdAt.getTime() || other.seq - one.seq);
    found.splice(limit + 1);
  }
  return page(database, sessions, found, limit);
}

/** Of a conversation those before a moment; where the newest ones are all behind it, what is further back. */
async function olderThan(
  database: Database,
  conversationId: string,
  newest: Message[],
  end: { conversationId: string; seq: number; createdAt: Date },
  limit: number,
): Promise<Message[]> {
  const isBefore = (message: Message): boolean =>
    message.conversationId === end.conversationId ? message.seq < end.seq : message.createdAt < end.createdAt;
  const older = newest.filter(isBefore);
  if (older.length === newest.length || newest.length <= limit) return older;
  const seq = conversationId === end.conversationId ? { seq: { $lt: end.seq } } : {};
  return database.messages
    .find(
      { conversationId, ...seq, createdAt: { $lte: end.createdAt } },
      { ...SAFE_READ, sort: { seq: -1 }, limit: limit + 1 },
    )
    .toArray();
}

const isGiven = (id: string | undefined): id is string => id !== undefined && id !== '';

async function page(
  database: Database,
  sessions: GatewaySession[],
  newestFirst: Message[],
  limit: number,
): Promise<{ rows: SessionMessage[]; hasMore: boolean }> {
  const messages = newestFirst.slice(0, limit).reverse();
  const executions = await executionsOfMessages(
    database,
    messages.map(({ _id }) => _id),
  );
  const byConversation = new Map(sessions.map((session) => [session.conversationId, session]));
  const rows = messages.flatMap((message) => {
    const session = byConversation.get(message.conversationId);
    return session === undefined ? [] : [{ session, message, execution: executions.get(message._id) ?? null }];
  });
  return { rows, hasMore: newestFirst.length > limit };
}

/** Where a message of these sessions is. @throws AppError MESSAGE_NOT_FOUND */
export async function placeOfMessage(
  database: Database,
  sessions: GatewaySession[],
  messageId: string,
): Promise<{ session: GatewaySession; conversationId: string; seq: number; createdAt: Date }> {
  const message = await database.messages.findOne({ _id: messageId }, SAFE_READ);
  const session = sessions.find(({ conversationId }) => conversationId === message?.conversationId);
  if (message === null || session === undefined) throw new AppError('MESSAGE_NOT_FOUND');
  const { conversationId, seq, createdAt } = message;
  return { session, conversationId, seq, createdAt };
}
