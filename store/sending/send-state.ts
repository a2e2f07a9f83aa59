import type { ClientSession, Timestamp } from 'mongodb';
import { attachmentGuardId } from '../../domain/attachments';
import { groupGuardId } from '../../domain/group';
import {
  agentOfInbox,
  inboxInId,
  inboxOutId,
  pairId,
  senderGuardId,
  type InboxInGuard,
  type InboxOutGuard,
} from '../../domain/guards';
import { BACKLOG_MAX } from '../../contract/limits';
import type { AgentReader } from '../agents/agents';
import { membershipId } from '../schema/collections/groups';
import type { Message } from '../schema/collections/messages';
import type { Guard } from '../schema/collections/guards';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { BATCH_MARGIN, isSettled, NEAR, settleBacklog } from '../inbox/backlog';
import type { GuardCache } from './guard-cache';
import { GuardSet } from './guard-set';
import { groupIdOf, isSend, type DirectItem, type LaneItem, type SendItem } from './items';
import { MuteSet, type Reception } from './mutes';

export interface BatchState {
  guards: GuardSet;
  /** Originals of retried sends, by client key. */
  replays: Map<string, Message>;
  recipientIds: Map<string, string>;
  /** Of senders into deleted groups: who was ever a member. */
  pastMembers: Set<string>;
  mutes: MuteSet;
  /** True: guards may be older than they are in the database, and replays were not looked up. */
  isCached: boolean;
  /** Messages that one item of the batch was already answered with a 201 for. */
  answered: Set<string>;
  /** The server's time of the load: what the guards showed is in every durable read after it. Null: from the cache. */
  seenAt: Timestamp | null;
}

/** What tells which guards an item rests on. */
type Names = Pick<BatchState, 'guards' | 'recipientIds'>;

/** From here on a member's backlog must be exact: one batch may reach the limit. */
const NEAR_HARD_LIMIT = BACKLOG_MAX - BATCH_MARGIN;

/** Ids of the guard documents that `item` rests on. */
export function guardIdsOf(item: LaneItem, { recipientIds, guards }: Names): string[] {
  switch (item.kind) {
    case 'direct':
      return [...directGuardIds(item, recipientIds), ...attachmentGuardIds(item)];
    case 'group':
      return [
        senderGuardId(item.command.sender.id),
        ...groupGuardIds(item.command.groupId, guards),
        ...attachmentGuardIds(item),
      ];
    case 'change':
      return [...groupGuardIds(item.groupId, guards), ...item.guardIds];
    case 'slots':
      return [senderGuardId(item.sender.id)];
  }
}

function directGuardIds({ command }: DirectItem, recipientIds: Map<string, string>): string[] {
  const senderId = command.sender.id;
  const recipientId = recipientIds.get(command.to);
  if (recipientId === undefined) return [senderGuardId(senderId)];
  return [
    senderGuardId(senderId),
    // The recipient as a sender: its opener is settled when this send is the reply to it.
    senderGuardId(recipientId),
    inboxInId(recipientId),
    inboxOutId(recipientId),
    pairId(senderId, recipientId),
  ];
}

function attachmentGuardIds({ command }: SendItem): string[] {
  return command.attachmentId === null ? [] : [attachmentGuardId(command.attachmentId)];
}

function groupGuardIds(groupId: string, guards: GuardSet): string[] {
  const members = guards.group(groupId)?.members ?? [];
  return [groupGuardId(groupId), ...members.map(({ agentId }) => inboxInId(agentId))];
}

/**
 * Loads what the rules need for a batch: handles never seen before and groups, then guards and replays at once, then
 * the rows of changes. A group's guard comes before everything that its members rest on, because the commit proves that
 * nothing of the group changed since. Guards are read as new as can be (their versions are checked by the write);
 * replays majority-committed, because a 200 promises that the original is durable.
 */
export async function loadSendState(database: Database, agents: AgentReader, items: LaneItem[]): Promise<BatchState> {
  const [{ groups, others, names, seenAt }, replays] = await Promise.all([
    loadGuards(database, agents, items),
    findReplays(database, items),
  ]);
  const guards = new GuardSet([...groups, ...(await settleBacklogs(database, items, names, others))]);
  for (const item of items) if (item.kind === 'change') await item.load(guards.group(item.groupId));
  return {
    guards,
    replays,
    recipientIds: names.recipientIds,
    pastMembers: await findPastMembers(database, items, guards),
    mutes: new MuteSet(),
    isCached: false,
    answered: new Set(),
    seenAt,
  };
}

/** Groups first, since their guards name the members, then all others. */
function loadGuards(database: Database, agents: AgentReader, items: LaneItem[]) {
  return inCausalOrder(database, async (session) => {
    const handles = items.flatMap((item) => (item.kind === 'direct' ? [item.command.to] : []));
    const [recipientIds, groups] = await Promise.all([
      agents.resolveHandles([...new Set(handles)]),
      findGuards(database, groupIdsIn(items).map(groupGuardId), session),
    ]);
    const names = { recipientIds, guards: new GuardSet(groups) };
    const known = new Set(groups.map(({ _id }) => _id));
    const guardIds = new Set(items.flatMap((item) => guardIdsOf(item, names)).filter((id) => !known.has(id)));
    const others = await findGuards(database, [...guardIds], session);
    return { groups, others, names, seenAt: session.operationTime ?? null };
  });
}

/** The state of a small batch from the cache alone, or null when something of it is not there. */
export async function cachedSendState(
  cache: GuardCache,
  agents: AgentReader,
  items: LaneItem[],
): Promise<BatchState | null> {
  if (items.some(({ kind }) => kind === 'change')) return null;
  const handles = items.flatMap((item) => (item.kind === 'direct' ? [item.command.to] : []));
  const recipientIds = await agents.resolveHandles(handles);
  if (handles.some((handle) => !recipientIds.has(handle))) return null;
  const groups = cache.getAll(groupIdsIn(items).map(groupGuardId));
  if (groups === null) return null;
  const names = { recipientIds, guards: new GuardSet(groups) };
  const guards = cache.getAll(new Set(items.flatMap((item) => guardIdsOf(item, names))));
  if (guards === null) return null;
  // An old member has got more than the limit in its life: what it took shows that it is far from full.
  const old = guards.filter(isInboxIn).filter(({ enqueued }) => enqueued >= NEAR_HARD_LIMIT);
  guards.push(...cache.getSome(old.map(({ _id }) => inboxOutId(agentOfInbox(_id)))));
  return {
    guards: new GuardSet(guards),
    replays: new Map(),
    recipientIds,
    pastMembers: new Set(),
    mutes: new MuteSet(),
    isCached: true,
    answered: new Set(),
    seenAt: null,
  };
}

/**
 * Who would receive what, for the look-up of mutes. Who joins a group in this batch receives what the batch says in it,
 * its own join first.
 */
export function receptionsOf(items: LaneItem[], { guards, recipientIds }: Names): Reception[] {
  const joiners = items.flatMap((item) =>
    item.kind === 'change' && item.joinerId !== null ? [{ groupId: item.groupId, agentId: item.joinerId }] : [],
  );
  const receptionsIn = (groupId: string, senderIds: string[]): Reception[] => {
    const members = guards.group(groupId)?.members ?? [];
    const recipients = [...members, ...joiners.filter((joiner) => joiner.groupId === groupId)];
    return recipients.flatMap(({ agentId: recipientId }) =>
      senderIds.map((senderId) => ({ recipientId, senderId, conversationId: groupId })),
    );
  };
  return items.flatMap((item): Reception[] => {
    switch (item.kind) {
      case 'direct': {
        const senderId = item.command.sender.id;
        const recipientId = recipientIds.get(item.command.to);
        if (recipientId === undefined) return [];
        const { conversationId } = guards.pair(pairId(senderId, recipientId));
        return [{ recipientId, senderId, conversationId }];
      }
      case 'group':
        return receptionsIn(item.command.groupId, [item.command.sender.id]);
      case 'change':
        return receptionsIn(item.groupId, item.senderIds());
      case 'slots':
        return [];
    }
  });
}

function groupIdsIn(items: LaneItem[]): string[] {
  return [...new Set(items.flatMap((item) => groupIdOf(item) ?? []))];
}

/** These guards as new as can be. */
export function findGuards(database: Database, ids: string[], session?: ClientSession): Promise<Guard[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return database.guards.find({ _id: { $in: ids } }, { ...READ, session }).toArray();
}

/** Runs reads one after the other in a session, in which each sees at least what those before it, and `since`, showed. */
function inCausalOrder<T>(
  database: Database,
  read: (session: ClientSession) => Promise<T>,
  since: Timestamp | null = null,
): Promise<T> {
  return database.client.withSession({ causalConsistency: true }, (session) => {
    if (since !== null) session.advanceOperationTime(since);
    return read(session);
  });
}

/**
 * Originals of these sends that are durable, by client key.
 * @param seenAt waits until everything that the server had by then is durable
 */
export async function findReplays(
  database: Database,
  items: LaneItem[],
  seenAt: Timestamp | null = null,
): Promise<Map<string, Message>> {
  const keys = items.flatMap((item) => (isSend(item) ? [item.clientKey] : []));
  if (keys.length === 0) return new Map();
  const find = (session?: ClientSession) =>
    database.messages.find({ clientKey: { $in: keys } }, { ...SAFE_READ, session }).toArray();
  const rows = await (seenAt === null ? find() : inCausalOrder(database, find, seenAt));
  return new Map(rows.map((message) => [message.clientKey.toString('base64'), message]));
}

/** Resolves when everything that the server had at `seenAt` is held by a majority. */
export async function waitUntilDurable(database: Database, seenAt: Timestamp | null): Promise<void> {
  const read = (session: ClientSession) =>
    database.guards.findOne({ _id: '' }, { ...SAFE_READ, projection: { _id: 1 }, session });
  await inCausalOrder(database, read, seenAt);
}

/** What one batch counts at once: one count takes some milliseconds of one connection. */
const COUNTS_AT_ONCE = 4;

/**
 * The guards with every backlog exact that a decision may rest on (`store/inbox/backlog.ts`). Members of groups concern
 * the hard limit only, recipients of direct messages the warning too. Whoever ever got fewer envelopes than that needs
 * no look at what it took.
 */
async function settleBacklogs(database: Database, items: LaneItem[], names: Names, guards: Guard[]): Promise<Guard[]> {
  const direct = new Set(
    items.flatMap((item) => (item.kind === 'direct' ? [names.recipientIds.get(item.command.to) ?? ''] : [])),
  );
  const nearOf = (agentId: string) => (direct.has(agentId) ? NEAR : NEAR_HARD_LIMIT);
  const inboxes = guards.filter(isInboxIn).filter(({ _id, enqueued }) => enqueued >= nearOf(agentOfInbox(_id)));
  const known = new Map(guards.map((guard) => [guard._id, guard]));
  const missing = inboxes.map(({ _id }) => inboxOutId(agentOfInbox(_id))).filter((id) => !known.has(id));
  for (const guard of await findGuards(database, missing)) known.set(guard._id, guard);
  const unsettled = inboxes
    .map(({ _id }) => agentOfInbox(_id))
    .filter((id) => !isSettled(inboxOf(known, id), outOf(known, id), nearOf(id)));
  for (let start = 0; start < unsettled.length; start += COUNTS_AT_ONCE) {
    const some = unsettled.slice(start, start + COUNTS_AT_ONCE);
    for (const out of await Promise.all(some.map((id) => settleBacklog(database, id)))) known.set(out._id, out);
  }
  return [...known.values()];
}

// The kind of a guard stands in its _id: these are parse points of the union.
const isInboxIn = (guard: Guard): guard is InboxInGuard => guard._id.startsWith('inbox-in:');
const inboxOf = (guards: Map<string, Guard>, id: string) => guards.get(inboxInId(id)) as InboxInGuard;
const outOf = (guards: Map<string, Guard>, id: string) => (guards.get(inboxOutId(id)) as InboxOutGuard) ?? null;

async function findPastMembers(database: Database, items: LaneItem[], guards: GuardSet): Promise<Set<string>> {
  const ids = items.flatMap((item) => {
    if (item.kind !== 'group' || (guards.group(item.command.groupId)?.deleted ?? null) === null) return [];
    return [membershipId(item.command.groupId, item.command.sender.id)];
  });
  if (ids.length === 0) return new Set();
  const rows = await database.memberships.find({ _id: { $in: ids } }, { projection: { _id: 1 }, ...READ }).toArray();
  return new Set(rows.map(({ _id }) => _id));
}
