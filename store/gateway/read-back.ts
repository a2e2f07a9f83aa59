import { isWhole, joinBackwards, partOf, type JoinedReply } from '../../domain/split-replies';
import { responseOf } from '../../domain/turns';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';

/** Reads conversations of the gateway backwards, as users see them: the parts of a split reply as one (gateway.md §8.4). */

/** Messages of one query: few at first, for what is asked of many conversations is mostly the end of each. */
const CHUNK_MIN = 16;
const CHUNK_MAX = 256;
/** Replies that are held back while parts of one of them are looked for; what is missing then is not there. */
const HELD_MAX = 128;

/**
 * The messages of a conversation before one of its messages, newest first; null: from the newest. Before a message of
 * another conversation are those that were sent before it. What is not asked for is not read.
 */
export async function* readBack(
  database: Database,
  conversationId: string,
  before: Message | null,
): AsyncGenerator<Message> {
  const seen: JoinedReply<Message>[] = [];
  const cut = before?.conversationId === conversationId ? partOfMessage(before) : null;
  // The parts before it belong to it: they are looked for, and not shown.
  if (before !== null && cut !== null) joinBackwards(seen, before, cut);
  const hidden = seen[0];
  for await (const message of eachBefore(database, conversationId, before)) {
    joinBackwards(seen, message, partOfMessage(message));
    for (let first = seen[0]; first !== undefined && isReady(first, seen.length); first = seen[0]) {
      seen.shift();
      if (first !== hidden) yield asOne(first);
    }
  }
  for (const reply of seen) if (reply !== hidden) yield asOne(reply);
}

/** The parse point of what `newMessage` wrote. */
const partOfMessage = ({ metadata }: Pick<Message, 'metadata'>) =>
  metadata.includes('"part"') ? partOf(JSON.parse(metadata) as Record<string, unknown>) : null;

const isReady = (reply: JoinedReply<Message>, held: number): boolean => isWhole(reply) || held > HELD_MAX;

async function* eachBefore(
  database: Database,
  conversationId: string,
  before: Message | null,
): AsyncGenerator<Message> {
  const isWithin = before?.conversationId === conversationId;
  let end = isWithin ? before.seq : Infinity;
  const until = before === null || isWithin ? {} : { createdAt: sentBefore(conversationId, before) };
  for (let limit = CHUNK_MIN; ; limit = Math.min(limit * 2, CHUNK_MAX)) {
    const rows = await database.messages
      .find({ conversationId, seq: { $lt: end }, ...until }, { ...SAFE_READ, sort: { seq: -1 }, limit })
      .toArray();
    yield* rows;
    end = rows.at(-1)?.seq ?? 0;
    if (rows.length < limit) return;
  }
}

/** Messages of one millisecond are in the order of their conversations: every page begins where the last one ended. */
const sentBefore = (conversationId: string, { conversationId: other, createdAt }: Message) =>
  conversationId < other ? { $lte: createdAt } : { $lt: createdAt };

/** The newer of two messages of different conversations comes first. */
export const isNewer = (one: Message, other: Message): boolean =>
  one.createdAt.getTime() === other.createdAt.getTime()
    ? one.conversationId > other.conversationId
    : one.createdAt > other.createdAt;

/** A split reply is its last part, with the text of all of them. */
function asOne({ items }: JoinedReply<Message>): Message {
  const last = items.at(-1);
  if (last === undefined) throw new Error('a reply has a message');
  if (items.length === 1) return last;
  // The parse points of what `newMessage` wrote.
  const contents = items.map(({ content }) => JSON.parse(content) as { text?: unknown; data?: unknown });
  const text = contents.map(responseOf).join('');
  return { ...last, content: JSON.stringify({ ...contents.at(-1), text }) };
}

/** All parts of the reply that a message ends, oldest first; most are one message. */
export async function findParts(database: Database, message: Message): Promise<Message[]> {
  const part = partOfMessage(message);
  if (part === null || part.index === 0) return [message];
  const seen: JoinedReply<Message>[] = [];
  joinBackwards(seen, message, part);
  for await (const older of eachBefore(database, message.conversationId, message)) {
    joinBackwards(seen, older, partOfMessage(older));
    if (seen[0] === undefined || isReady(seen[0], seen.length)) break;
  }
  return seen[0]?.items ?? [message];
}

/** A message as its user reads it: with the parts before it. */
export const wholeMessage = async (database: Database, message: Message): Promise<Message> =>
  asOne({ items: await findParts(database, message), part: null });
