import type { Envelope, Message } from '../schema/collections/messages';
import type { GatewaySession } from '../schema/collections/gateway';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { executionsOfMessages, type ExecutionOfMessage } from './executions';
import { wholeMessage } from './read-back';

/** What an agent wrote and its user has not read: the envelopes of guests, like those of any reader (gateway.md §5.3). */
export interface UnreadMessage {
  session: GatewaySession;
  message: Message;
  execution: ExecutionOfMessage | null;
}

/**
 * In the form that the index `recipient_conversation` serves: guests have one conversation each. A reply in several parts
 * is unread once, when its last part is there.
 */
function unreadOf(sessions: GatewaySession[]) {
  return {
    recipientId: { $in: sessions.map(({ guestId }) => guestId) },
    conversationId: { $in: sessions.flatMap(({ conversationId }) => conversationId ?? []) },
    unread: 'shown' as const,
    isPart: { $exists: false },
  };
}

/** How many messages of each session are unread, by its id; those without any are not there. */
export async function countUnread(database: Database, sessions: GatewaySession[]): Promise<Map<string, number>> {
  if (sessions.length === 0) return new Map();
  const counts = await database.envelopes
    .aggregate<{ _id: string; count: number }>(
      [{ $match: unreadOf(sessions) }, { $group: { _id: '$recipientId', count: { $sum: 1 } } }],
      { ...READ, hint: 'recipient_conversation' },
    )
    .toArray();
  const byGuest = new Map(counts.map(({ _id, count }) => [_id, count]));
  return new Map(
    sessions.flatMap(({ _id, guestId }) => (byGuest.has(guestId) ? [[_id, byGuest.get(guestId) ?? 0]] : [])),
  );
}

/** The oldest unread messages of these sessions, oldest first. @param before only those that came before then */
export async function findUnread(
  database: Database,
  sessions: GatewaySession[],
  { limit, before }: { limit: number; before?: Date },
): Promise<UnreadMessage[]> {
  if (sessions.length === 0) return [];
  const envelopes = await database.envelopes
    .find(
      { ...unreadOf(sessions), ...(before === undefined ? {} : { createdAt: { $lt: before } }) },
      { ...SAFE_READ, sort: { createdAt: 1, seq: 1 }, limit, hint: 'recipient_conversation' },
    )
    .toArray();
  return withMessages(database, sessions, envelopes);
}

async function withMessages(
  database: Database,
  sessions: GatewaySession[],
  envelopes: Envelope[],
): Promise<UnreadMessage[]> {
  const ids = envelopes.map(({ messageId }) => messageId);
  const [rows, executions] = await Promise.all([
    database.messages.find({ _id: { $in: ids } }, SAFE_READ).toArray(),
    executionsOfMessages(database, ids),
  ]);
  const messages = new Map<string, Message>();
  for (const message of rows) messages.set(message._id, await wholeMessage(database, message));
  const byGuest = new Map(sessions.map((session) => [session.guestId, session]));
  return envelopes.flatMap(({ messageId, recipientId }) => {
    const [session, message] = [byGuest.get(recipientId), messages.get(messageId)];
    if (session === undefined || message === undefined) return [];
    return [{ session, message, execution: executions.get(messageId) ?? null }];
  });
}
