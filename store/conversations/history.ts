import { AppError } from '../../contract/errors';
import type { GroupCard } from '../../domain/group';
import { visibleFloor, walkVisible } from '../../domain/history';
import type { AgentCard, AgentReader } from '../agents/agents';
import type { Agent } from '../schema/collections/agents';
import { envelopesOf, type Envelope, type Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { deliveryId } from '../schema/delivery-ids';
import { findHiddenAfter, findHiddenBefore, isHidden } from './hidden';
import { loadGroupCards, UNKNOWN_SENDER } from '../inbox/inbox';
import { requireParticipation, safely, type Participation } from './participation';

/** Where a page of history begins: at most one is set. */
export interface HistoryCursor {
  beforeSeq?: number;
  afterSeq?: number;
  aroundMessageId?: string;
}

/** One message of a conversation with the state that this reader is shown. */
export interface HistoryRow {
  message: Message;
  sender: AgentCard;
  /** Null: there is no envelope to show (own or skipped messages in groups). */
  envelope: Pick<Envelope, 'status' | 'deliveredAt' | 'readAt'> | null;
  /** Null when the reader itself has no envelope. */
  deliveryId: string | null;
  /** Null in direct conversations. */
  group: GroupCard | null;
}

type Active = Extract<Participation, { state: 'active' }>;
type Reader = Pick<Agent, '_id' | 'inboxSalt'>;

/**
 * One page of a conversation as `agent` may see it (messaging.md §8). Three steps of reads, each by an index and each
 * bounded by the page: where the agent stands, what it hid around the page, then messages with states and senders.
 * @throws AppError CONVERSATION_NOT_FOUND, GROUP_DELETED, MESSAGE_NOT_FOUND
 */
export async function readHistory(
  database: Database,
  agents: AgentReader,
  agent: Reader,
  page: HistoryCursor & { conversationId: string; limit: number },
): Promise<HistoryRow[]> {
  const place = await requireParticipation(database, agent._id, page.conversationId);
  const messages =
    page.afterSeq === undefined
      ? await readOlder(database, agent, place, await findStart(database, agent, place, page), page.limit)
      : await readNewer(database, agent, place, page.afterSeq + 1, page.limit);
  if (messages.length === 0) return [];
  const [envelopes, cards, groups] = await Promise.all([
    findEnvelopes(database, agent, place, messages),
    agents.loadCards(messages.map(({ senderId }) => senderId)),
    loadGroupCards(database, [place.conversationId]),
  ]);
  const bySeq = new Map(envelopes.map((envelope) => [envelope.seq, envelope]));
  return messages.map((message) => {
    const envelope = bySeq.get(message.seq) ?? null;
    const isOwn = envelope?.recipientId === agent._id;
    return {
      message,
      sender: cards.get(message.senderId) ?? UNKNOWN_SENDER,
      envelope,
      deliveryId: envelope !== null && isOwn ? deliveryId(agent._id, agent.inboxSalt, envelope.position) : null,
      group: groups.get(place.conversationId) ?? null,
    };
  });
}

/** The seq of the newest row of a page that goes backwards. */
async function findStart(database: Database, agent: Reader, place: Active, cursor: HistoryCursor): Promise<number> {
  if (cursor.aroundMessageId === undefined) return Math.min(place.lastSeq, (cursor.beforeSeq ?? Infinity) - 1);
  const anchor = await database.messages.findOne(
    { _id: cursor.aroundMessageId },
    { ...safely({}), projection: { conversationId: 1, seq: 1 } },
  );
  if (anchor === null || anchor.conversationId !== place.conversationId) throw new AppError('MESSAGE_NOT_FOUND');
  const isVisible =
    anchor.seq >= floorOf(place) &&
    !(await isHidden(database, { agentId: agent._id, conversationId: place.conversationId }, anchor.seq));
  if (!isVisible) throw new AppError('MESSAGE_NOT_FOUND');
  return anchor.seq;
}

const floorOf = (place: Active): number =>
  visibleFloor({ joinedSeq: place.joinedSeq, hiddenUpTo: place.reader.hiddenUpTo });

async function readOlder(
  database: Database,
  { _id: agentId }: Reader,
  place: Active,
  start: number,
  limit: number,
): Promise<Message[]> {
  const { conversationId } = place;
  const floor = floorOf(place);
  const hidden = await findHiddenBefore(database, { agentId, conversationId }, { seq: start, limit: limit + 1 });
  const seq =
    hidden.length === 0
      ? { $gte: floor, $lte: start }
      : { $in: walkVisible({ start, direction: 'older', floor, ceiling: start, limit, hidden }) };
  return database.messages.find({ conversationId, seq }, { ...safely({}), sort: { seq: -1 }, limit }).toArray();
}

/** Old messages are removed one day: the walk must not begin among seqs that are gone, or the page would come out short. */
async function readNewer(
  database: Database,
  { _id: agentId }: Reader,
  place: Active,
  after: number,
  limit: number,
): Promise<Message[]> {
  const { conversationId, lastSeq } = place;
  const floor = Math.max(after, floorOf(place));
  const hidden = await findHiddenAfter(database, { agentId, conversationId }, { seq: floor, limit: limit + 1 });
  const find = (seq: object, rows: number) =>
    database.messages.find({ conversationId, seq }, { ...safely({}), sort: { seq: 1 }, limit: rows }).toArray();
  if (hidden.length === 0) return find({ $gte: floor }, limit);
  const [oldest] = await find({ $gte: floor }, 1);
  if (oldest === undefined) return [];
  const walk = { start: oldest.seq, direction: 'newer', floor, ceiling: lastSeq, limit, hidden } as const;
  return find({ $in: walkVisible(walk) }, limit);
}

/** The states of the page: of a direct conversation the recipient's, whoever that is; of a group the reader's own. */
function findEnvelopes(database: Database, agent: Reader, place: Active, messages: Message[]): Promise<Envelope[]> {
  const recipients = place.type === 'direct' ? [agent._id, place.counterpartyId] : [agent._id];
  return database.envelopes
    .find(envelopesOf({ $in: recipients }, place.conversationId, { $in: messages.map(({ seq }) => seq) }), safely({}))
    .toArray();
}
