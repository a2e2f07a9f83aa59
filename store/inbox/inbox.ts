import type { Filter } from 'mongodb';
import type { Agent } from '../schema/collections/agents';
import { envelopeId, type Envelope, type Message } from '../schema/collections/messages';
import type { AgentCard, AgentReader } from '../agents/agents';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { deliveryId } from '../schema/delivery-ids';
import { groupGuardId, type GroupCard, type GroupGuard } from '../../domain/group';
import { inboxInId, inboxOutId, type WrittenOff, type InboxInGuard, type InboxOutGuard } from '../../domain/guards';
import { ID_PREFIX } from '../../contract/ids';
import { notWrittenOff } from './written-off';

/** One stored envelope with its message and who sent it: what sync answers and sockets push. */
export interface InboxRow {
  position: number;
  deliveryId: string;
  muted: boolean;
  message: Message;
  sender: AgentCard;
  /** Null for direct messages. */
  group: GroupCard | null;
}

export interface InboxPage {
  /** Only rows after this delivery position. */
  after: number;
  /** Only rows up to this position. */
  upTo?: number;
  limit: number;
  includeMuted: boolean;
  /** Of the writing end of the inbox, read before the page. */
  writtenOff: WrittenOff[] | undefined;
}

/** A sender whose row cannot be found any more (messaging.md §2). */
export const UNKNOWN_SENDER: AgentCard = { handle: 'unknown', displayName: null, isSystem: false };

/** What leaves the process was majority-committed: a frame or page never shows what a fail-over could take back. */

type Reader = Pick<Agent, '_id' | 'inboxSalt'>;

/**
 * A page of the agent's stored envelopes, oldest first. Served by the partial index of stored rows, so its cost does
 * not grow with what was delivered. Three reads: envelopes, then messages and senders at once.
 */
export async function readStored(
  database: Database,
  agents: AgentReader,
  agent: Reader,
  page: InboxPage,
): Promise<InboxRow[]> {
  const position = { $gt: page.after, ...(page.upTo === undefined ? {} : { $lte: page.upTo }) };
  const envelopes = await database.envelopes
    .find(
      { recipientId: agent._id, status: 'stored', position, ...restOf(page) },
      { ...SAFE_READ, sort: { position: 1 }, limit: page.limit, hint: 'recipient_stored' },
    )
    .toArray();
  return loadRows(database, agents, agent, envelopes);
}

/**
 * The same of what came while a socket was open: delivered ones too, because a push goes to all sockets, and another
 * one may have been faster. Not what nobody was handed: written off with a group, or expired. Served by `_id`, which is
 * the inbox in order; nothing between the two positions is read in vain but what is muted.
 */
export async function readLive(
  database: Database,
  agents: AgentReader,
  agent: Reader,
  page: InboxPage & { upTo: number },
): Promise<InboxRow[]> {
  const envelopes = await database.envelopes
    .find(
      {
        _id: { $gt: envelopeId(agent._id, page.after), $lte: envelopeId(agent._id, page.upTo) },
        status: { $ne: 'expired' },
        writtenOff: { $exists: false },
        isHeard: { $exists: false },
        ...restOf(page),
      },
      { ...SAFE_READ, sort: { _id: 1 }, limit: page.limit, hint: '_id_' },
    )
    .toArray();
  return loadRows(database, agents, agent, envelopes);
}

/**
 * The queue that a pause left, as it is owed to somebody who was there when it ended at `since`: what is stored, and what
 * was delivered after that by another socket or webhook. Not what the agent read, hid, or acknowledged over REST up to
 * `syncedUpTo`. Served by `_id`; what is read in vain came during the pause and left `stored` in it.
 */
export async function readReleased(
  database: Database,
  agents: AgentReader,
  agent: Reader,
  page: InboxPage & { upTo: number; since: Date; syncedUpTo: number },
): Promise<InboxRow[]> {
  const envelopes = await database.envelopes
    .find(
      {
        _id: { $gt: envelopeId(agent._id, page.after), $lte: envelopeId(agent._id, page.upTo) },
        $or: [
          { status: 'stored' },
          { status: 'delivered', deliveredAt: { $gte: page.since }, position: { $gt: page.syncedUpTo } },
        ],
        unread: { $ne: 'hidden' },
        writtenOff: { $exists: false },
        isHeard: { $exists: false },
        ...restOf(page),
      },
      { ...SAFE_READ, sort: { _id: 1 }, limit: page.limit, hint: '_id_' },
    )
    .toArray();
  return loadRows(database, agents, agent, envelopes);
}

/** The position up to which the agent acknowledged over REST; 0 for one that never did. */
export async function findSyncedUpTo(database: Database, agentId: string): Promise<number> {
  const guard = await database.guards.findOne<InboxOutGuard>({ _id: inboxOutId(agentId) }, SAFE_READ);
  return guard?.syncedUpTo ?? 0;
}

const restOf = ({ includeMuted, writtenOff }: InboxPage): Filter<Envelope> => ({
  ...(includeMuted ? {} : { muted: { $exists: false } }),
  ...notWrittenOff(writtenOff),
});

/** The rows of these envelopes, in their order; those whose message is gone are left out. */
export async function loadRows(
  database: Database,
  agents: AgentReader,
  agent: Reader,
  envelopes: Envelope[],
): Promise<InboxRow[]> {
  if (envelopes.length === 0) return [];
  const [messages, cards, groups] = await Promise.all([
    database.messages.find({ _id: { $in: envelopes.map((row) => row.messageId) } }, SAFE_READ).toArray(),
    agents.loadCards(envelopes.map((row) => row.senderId)),
    loadGroupCards(
      database,
      envelopes.map((row) => row.conversationId),
    ),
  ]);
  const byId = new Map(messages.map((message) => [message._id, message]));
  return envelopes.flatMap((envelope) => {
    const message = byId.get(envelope.messageId);
    if (message === undefined) return [];
    return [
      {
        position: envelope.position,
        deliveryId: deliveryId(agent._id, agent.inboxSalt, envelope.position),
        muted: envelope.muted === true,
        message,
        sender: cards.get(envelope.senderId) ?? UNKNOWN_SENDER,
        group: groups.get(message.conversationId) ?? null,
      },
    ];
  });
}

/** Names and sizes of the groups among these conversations, by id, as they are now. */
export async function loadGroupCards(database: Database, conversationIds: string[]): Promise<Map<string, GroupCard>> {
  const ids = [...new Set(conversationIds)].filter((id) => id.startsWith(ID_PREFIX.group));
  if (ids.length === 0) return new Map();
  const rows = await database.guards
    .find<GroupGuard>(
      { _id: { $in: ids.map(groupGuardId) } },
      { ...SAFE_READ, projection: { groupId: 1, name: 1, memberCount: 1 } },
    )
    .toArray();
  return new Map(rows.map((row) => [row.groupId, row]));
}

/** The last delivery position of the agent that is majority-committed; 0 for an inbox that never got a message. */
export async function headPosition(database: Database, agentId: string): Promise<number> {
  const guard = await findInboxIn(database, agentId);
  return (guard?.nextPosition ?? 1) - 1;
}

/** What a pump wants to know of an inbox before it reads. */
export type InboxLook = Pick<InboxInGuard, '_id' | 'nextPosition' | 'pausedByOwner'>;

/** A look at many inboxes at once, by agent id; at most some thousand. */
export async function lookAtInboxes(database: Database, agentIds: string[]): Promise<Map<string, InboxLook>> {
  const rows = await database.guards
    .find<InboxLook>(
      { _id: { $in: agentIds.map(inboxInId) } },
      { ...SAFE_READ, projection: { nextPosition: 1, pausedByOwner: 1 } },
    )
    .toArray();
  const byId = new Map(rows.map((row) => [row._id, row]));
  return new Map(
    agentIds.flatMap((id) => {
      const look = byId.get(inboxInId(id));
      return look === undefined ? [] : [[id, look] as const];
    }),
  );
}

/** The writing end of an inbox as it is majority-committed now. */
export function findInboxIn(database: Database, agentId: string): Promise<InboxInGuard | null> {
  return database.guards.findOne<InboxInGuard>({ _id: inboxInId(agentId) }, SAFE_READ);
}
