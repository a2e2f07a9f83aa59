import type { ClientSession } from 'mongodb';
import { groupGuardId } from '../../domain/group';
import type { PairGuard } from '../../domain/guards';
import { visibleFloor } from '../../domain/history';
import { planPage } from '../../domain/merge-page';
import type { Message } from '../schema/collections/messages';
import { hiddenRangeId, newReadState, readStateId, type ReadState } from '../schema/collections/read-states';
import type { Database } from '../schema/database';
import { inSnapshot } from '../schema/snapshot';
import { READ } from '../schema/reads';
import { findMuted } from '../contacts/mutes';
import {
  directParticipation,
  groupParticipation,
  type DirectParticipation,
  type GroupParticipation,
  listedFields,
  type ListedGroup,
} from './participation';
import { findProfiles, type Profile } from '../agents/profiles';
import { findUnread, NONE_UNREAD, type Unread } from './unread';

/** One conversation of an agent's list (messaging.md §11.1). */
export interface ConversationRow {
  place: DirectParticipation | GroupParticipation;
  lastMessageAt: Date | null;
  updatedAt: Date;
  /** Null in groups. */
  counterparty: Profile | null;
  /** The newest message that the agent may see. */
  newest: Message | null;
  unread: Unread;
  isMuted: boolean;
}

interface Entry {
  id: string;
  lastMessageAt: Date | null;
  updatedAt: Date;
  place: DirectParticipation | GroupParticipation;
}

/** Groups of one agent that its list looks at; nobody takes part in more. */
const GROUPS_MAX = 10_000;

/**
 * A page of the agent's conversations, newest message first. Direct ones come from an index in this order that holds
 * only those it does not hide; its groups are all looked at, for their number does not grow with what is written. One
 * snapshot, so that counts, ends and previews of a conversation agree.
 */
export function listConversations(
  database: Database,
  agentId: string,
  page: { limit: number; offset: number },
  now: Date,
): Promise<ConversationRow[]> {
  return inSnapshot(database, async (session) => {
    const groups = await listGroups(database, agentId, session);
    const plan = planPage(page, groups.length);
    const direct = await listDirect(database, agentId, plan, session);
    const entries = plan.slice(direct, groups);
    const places = entries.map(({ place }) => place);
    const [unread, newest, profiles, muted] = await Promise.all([
      findUnread(database, agentId, places, session),
      findNewest(database, agentId, places, session),
      findProfiles(
        database,
        places.flatMap((place) => (place.type === 'direct' ? [place.counterpartyId] : [])),
      ),
      findMuted(
        database,
        agentId,
        places.flatMap((place) => [place.conversationId, ...(place.type === 'direct' ? [place.counterpartyId] : [])]),
        now,
      ),
    ]);
    return entries.map(({ place, lastMessageAt, updatedAt, id }) => ({
      place,
      lastMessageAt,
      updatedAt,
      counterparty: place.type === 'direct' ? (profiles.get(place.counterpartyId) ?? null) : null,
      newest: newest.get(id) ?? null,
      unread: unread.get(id) ?? NONE_UNREAD,
      isMuted: muted.has(id) || (place.type === 'direct' && muted.has(place.counterpartyId)),
    }));
  });
}

async function listDirect(
  database: Database,
  agentId: string,
  { skip, take }: { skip: number; take: number },
  session: ClientSession,
): Promise<Entry[]> {
  const pairs = await database.guards
    .find<PairGuard>(
      { listedFor: agentId, conversationId: { $type: 'string' } },
      {
        session,
        ...READ,
        sort: { lastMessageAt: -1, conversationId: 1 },
        skip,
        limit: take,
        hint: 'listed_last_message',
      },
    )
    .toArray();
  const readers = await findReaders(
    database,
    agentId,
    pairs.map(({ conversationId }) => conversationId ?? ''),
    session,
  );
  return pairs.flatMap((pair) => {
    const id = pair.conversationId ?? '';
    const place = directParticipation(pair, agentId, readers(id));
    const { lastMessageAt, updatedAt, createdAt } = pair;
    return place === null ? [] : [{ id, place, lastMessageAt, updatedAt: updatedAt ?? createdAt ?? new Date(0) }];
  });
}

/** All groups that the agent is in and does not hide, in no order. */
async function listGroups(database: Database, agentId: string, session: ClientSession): Promise<Entry[]> {
  const memberships = await database.memberships
    .find({ agentId, leftAt: null }, { session, ...READ, limit: GROUPS_MAX, hint: 'agent_active' })
    .toArray();
  if (memberships.length === 0) return [];
  const ids = memberships.map(({ groupId }) => groupId);
  const groups = await database.guards
    .find<ListedGroup>({ _id: { $in: ids.map(groupGuardId) } }, { session, ...READ, projection: listedFields(agentId) })
    .toArray();
  const byId = new Map(groups.map((group) => [group.groupId, group]));
  const readers = await findReaders(database, agentId, ids, session);
  return memberships.flatMap((membership): Entry[] => {
    const group = byId.get(membership.groupId);
    if (group === undefined) return [];
    const place = groupParticipation(group, membership, readers(group.groupId));
    if (place.state !== 'active' || place.type !== 'group' || isHiddenNow(place)) return [];
    return [{ id: group.groupId, place, lastMessageAt: group.lastMessageAt, updatedAt: group.updatedAt }];
  });
}

/** Hidden until a newer message comes; a hide of a group without messages lasts until its first one. */
function isHiddenNow({ lastSeq, reader }: GroupParticipation): boolean {
  return reader.v > 0 && reader.hiddenUpTo >= lastSeq;
}

async function findReaders(
  database: Database,
  agentId: string,
  conversationIds: string[],
  session: ClientSession,
): Promise<(conversationId: string) => ReadState> {
  const rows = await database.readStates
    .find({ _id: { $in: conversationIds.map((id) => readStateId(agentId, id)) } }, { session, ...READ })
    .toArray();
  const byId = new Map(rows.map((row) => [row.conversationId, row]));
  return (conversationId) => byId.get(conversationId) ?? newReadState(agentId, conversationId);
}

/** The newest message that the agent may see in each place. Hidden ranges never touch, so one step down is enough. */
async function findNewest(
  database: Database,
  agentId: string,
  places: Entry['place'][],
  session: ClientSession,
): Promise<Map<string, Message>> {
  if (places.length === 0) return new Map();
  const ids = places.map(({ conversationId, lastSeq }) => hiddenRangeId(agentId, conversationId, lastSeq));
  const ends = await database.hiddenRanges.find({ _id: { $in: ids } }, { session, ...READ }).toArray();
  const hiddenFrom = new Map(ends.map(({ conversationId, from }) => [conversationId, from]));
  const wanted = places.flatMap(({ conversationId, lastSeq, joinedSeq, reader }) => {
    const seq = (hiddenFrom.get(conversationId) ?? lastSeq + 1) - 1;
    return seq >= visibleFloor({ joinedSeq, hiddenUpTo: reader.hiddenUpTo }) ? [{ conversationId, seq }] : [];
  });
  if (wanted.length === 0) return new Map();
  const messages = await database.messages.find({ $or: wanted }, { session, ...READ }).toArray();
  return new Map(messages.map((message) => [message.conversationId, message]));
}
