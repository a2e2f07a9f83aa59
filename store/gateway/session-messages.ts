import { AppError } from '../../contract/errors';
import type { GatewaySession } from '../schema/collections/gateway';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { executionsOfMessages, type ExecutionOfMessage } from './executions';
import { isNewer, readBack } from './read-back';
import { listSessions, type SessionsPage } from './sessions';

export interface SessionMessage {
  session: GatewaySession;
  /** As its user reads it: a reply in several parts is one message, with the id of the last. */
  message: Message;
  /** The turn that it belongs to, null for what the agent said by itself. */
  execution: ExecutionOfMessage | null;
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
  page: MessagesPage,
): Promise<{ rows: SessionMessage[]; hasMore: boolean }> {
  const place = isGiven(page.before) ? await placeOfMessage(database, [session], page.before) : null;
  return oldestFirst(await collect(database, newestFirst(database, one(session), place?.message ?? null), page.limit));
}

/** Whose messages are read: those of all sessions of a list. */
export type MessagesScope = Omit<SessionsPage, 'limit' | 'after' | 'startedBy'>;

/**
 * The same of all sessions of a scope, by time, newest first. Sessions come with the last active first, so what a page
 * costs is its messages and the sessions that they are in; sessions that began later than `before` are passed over in the
 * index.
 * @throws AppError MESSAGE_NOT_FOUND
 */
export async function readMessagesOf(
  database: Database,
  scope: MessagesScope,
  { limit, before }: MessagesPage,
): Promise<{ rows: SessionMessage[]; hasMore: boolean }> {
  const place = isGiven(before) ? await placeInScope(database, scope, before) : null;
  const sessions = eachSession(database, scope, place);
  return collect(database, newestFirst(database, sessions, place), limit);
}

/** A page of messages in the order in which they were said. */
export const oldestFirst = (page: { rows: SessionMessage[]; hasMore: boolean }) => ({
  ...page,
  rows: page.rows.reverse(),
});

const isGiven = (id: string | undefined): id is string => id !== undefined && id !== '';

async function* one(session: GatewaySession): AsyncGenerator<GatewaySession> {
  yield await Promise.resolve(session);
}

/** Sessions of one query. */
const SESSIONS_AT_ONCE = 50;

async function* eachSession(
  database: Database,
  scope: MessagesScope,
  place: Message | null,
): AsyncGenerator<GatewaySession> {
  const startedBy = place === null ? {} : { startedBy: place.createdAt };
  for (let after: SessionsPage['after']; ;) {
    const page = { ...scope, ...startedBy, limit: SESSIONS_AT_ONCE, ...(after === undefined ? {} : { after }) };
    const sessions = await listSessions(database, page);
    yield* sessions;
    const last = sessions.at(-1);
    if (last === undefined || sessions.length < SESSIONS_AT_ONCE) return;
    after = { activeAt: last.activeAt, id: last._id };
  }
}

/** The newest message of a session that is not on the page yet, and those before it. */
interface Head {
  session: GatewaySession;
  message: Message;
  older: AsyncGenerator<Message>;
}

/** Messages of sessions that come with the last active first: one is looked into when it may have the next message. */
async function* newestFirst(
  database: Database,
  sessions: AsyncGenerator<GatewaySession>,
  place: Message | null,
): AsyncGenerator<Omit<Head, 'older'>> {
  const heads = new Set<Head>();
  let next = await sessions.next();
  for (;;) {
    const newest = newestOf(heads);
    if (next.done !== true && (newest === null || next.value.activeAt >= newest.message.createdAt)) {
      const session = next.value;
      if (session.conversationId !== null) {
        const older = readBack(database, session.conversationId, place);
        const { value: message } = await older.next();
        if (message !== undefined) heads.add({ session, message, older });
      }
      next = await sessions.next();
      continue;
    }
    if (newest === null) return;
    yield { session: newest.session, message: newest.message };
    const { value: message } = await newest.older.next();
    if (message === undefined) heads.delete(newest);
    else newest.message = message;
  }
}

function newestOf(heads: Set<Head>): Head | null {
  let newest: Head | null = null;
  for (const head of heads) if (newest === null || isNewer(head.message, newest.message)) newest = head;
  return newest;
}

/** Characters of a page, a single message excepted: as much as the largest page of the platform's own lists. */
const PAGE_LENGTH_MAX = 16_777_216;

async function collect(
  database: Database,
  messages: AsyncGenerator<Omit<Head, 'older'>>,
  limit: number,
): Promise<{ rows: SessionMessage[]; hasMore: boolean }> {
  const found: Omit<Head, 'older'>[] = [];
  let length = 0;
  let hasMore = false;
  for await (const row of messages) {
    hasMore = found.length === limit || length > PAGE_LENGTH_MAX;
    if (hasMore) break;
    found.push(row);
    length += row.message.content.length;
  }
  const executions = await executionsOfMessages(
    database,
    found.map(({ message }) => message._id),
  );
  return { rows: found.map((row) => ({ ...row, execution: executions.get(row.message._id) ?? null })), hasMore };
}

/** Where a message of these sessions is. @throws AppError MESSAGE_NOT_FOUND */
export async function placeOfMessage(
  database: Database,
  sessions: GatewaySession[],
  messageId: string,
): Promise<{ session: GatewaySession; message: Message }> {
  const message = await database.messages.findOne({ _id: messageId }, SAFE_READ);
  const session = sessions.find(({ conversationId }) => conversationId === message?.conversationId);
  if (message === null || session === undefined) throw new AppError('MESSAGE_NOT_FOUND');
  return { session, message };
}

/** Where a message of a scope's sessions is: its guest, who wrote or got it, tells the session. @throws AppError MESSAGE_NOT_FOUND */
async function placeInScope(database: Database, scope: MessagesScope, messageId: string): Promise<Message> {
  const message = await database.messages.findOne({ _id: messageId }, SAFE_READ);
  const { agentId, principal, kinds } = scope;
  const session =
    message === null
      ? null
      : await database.gatewaySessions.findOne(
          { guestId: { $in: [message.senderId, message.recipientId ?? ''] }, agentId },
          SAFE_READ,
        );
  const isVisible =
    session !== null &&
    session.status !== 'deleted' &&
    (principal === undefined || session.principal === principal.key) &&
    (kinds === undefined || kinds.includes(session.kind));
  if (message === null || !isVisible) throw new AppError('MESSAGE_NOT_FOUND');
  return message;
}
