import { attachmentHeadId } from '../../domain/attachments';
import { groupHeadId } from '../../domain/group';
import { inboxInId, inboxOutId, pairId, senderHeadId, type InboxInHead } from '../../domain/heads';
import { BACKLOG_MAX, BACKLOG_WARNING } from '../../contract/limits';
import type { AgentReader } from '../agents';
import { membershipId } from '../collections/groups';
import type { Message } from '../collections/messages';
import type { Database, Head } from '../database';
import { countFlushed, hasUncounted } from '../flushing';
import type { HeadCache } from './head-cache';
import { HeadSet } from './head-set';
import { groupIdOf, type DirectItem, type LaneItem, type SendItem } from './items';
import { MuteSet, type Reception } from './mutes';

export interface BatchState {
  heads: HeadSet;
  /** Originals of retried sends, by client key. */
  replays: Map<string, Message>;
  recipientIds: Map<string, string>;
  /** Of senders into deleted groups: who was ever a member. */
  pastMembers: Set<string>;
  mutes: MuteSet;
  /** True: heads may be older than they are in the database, and replays were not looked up. */
  isCached: boolean;
  /** Messages that one item of the batch was already answered with a 201 for. */
  answered: Set<string>;
}

/** What tells which heads an item rests on. */
type Names = Pick<BatchState, 'heads' | 'recipientIds'>;

/** Envelopes that one batch may add to an inbox: nearer to the cap than this, the exact backlog is needed. */
const BACKLOG_MARGIN = 2_000;

/** Ids of the guarding documents that `item` rests on. */
export function headIdsOf(item: LaneItem, { recipientIds, heads }: Names): string[] {
  switch (item.kind) {
    case 'direct':
      return [...directHeadIds(item, recipientIds), ...attachmentHeadIds(item)];
    case 'group':
      return [
        senderHeadId(item.command.sender.id),
        ...groupHeadIds(item.command.groupId, heads),
        ...attachmentHeadIds(item),
      ];
    case 'change':
      return [...groupHeadIds(item.groupId, heads), ...item.headIds];
  }
}

function directHeadIds({ command }: DirectItem, recipientIds: Map<string, string>): string[] {
  const senderId = command.sender.id;
  const recipientId = recipientIds.get(command.to);
  if (recipientId === undefined) return [senderHeadId(senderId)];
  return [
    senderHeadId(senderId),
    // The recipient as a sender: its opener is settled when this send is the reply to it.
    senderHeadId(recipientId),
    inboxInId(recipientId),
    inboxOutId(recipientId),
    pairId(senderId, recipientId),
  ];
}

function attachmentHeadIds({ command }: SendItem): string[] {
  return command.attachmentId === null ? [] : [attachmentHeadId(command.attachmentId)];
}

function groupHeadIds(groupId: string, heads: HeadSet): string[] {
  const members = heads.group(groupId)?.members ?? [];
  return [groupHeadId(groupId), ...members.map(({ agentId }) => inboxInId(agentId))];
}

/**
 * Loads what the rules need for a batch: handles never seen before and groups, then heads and replays at once, then
 * the rows of changes. A group's head comes before everything that its members rest on, because the commit proves that
 * nothing of the group changed since. Heads are read as new as can be (their versions are checked by the write);
 * replays majority-committed, because a 200 promises that the original is durable.
 */
export async function loadSendState(database: Database, agents: AgentReader, items: LaneItem[]): Promise<BatchState> {
  const handles = items.flatMap((item) => (item.kind === 'direct' ? [item.command.to] : []));
  const [recipientIds, groups] = await Promise.all([
    agents.resolveHandles([...new Set(handles)]),
    findHeads(database, groupIdsIn(items).map(groupHeadId)),
  ]);
  const names = { recipientIds, heads: new HeadSet(groups) };
  const known = new Set(groups.map(({ _id }) => _id));
  const headIds = new Set(items.flatMap((item) => headIdsOf(item, names)).filter((id) => !known.has(id)));
  const [others, replays] = await Promise.all([findHeads(database, [...headIds]), findReplays(database, items)]);
  const heads = new HeadSet([...groups, ...(await settleBacklogs(database, others))]);
  for (const item of items) if (item.kind === 'change') await item.load(heads.group(item.groupId));
  return {
    heads,
    replays,
    recipientIds,
    pastMembers: await findPastMembers(database, items, heads),
    mutes: new MuteSet(),
    isCached: false,
    answered: new Set(),
  };
}

/** The state of a small batch from the cache alone, or null when something of it is not there. */
export async function cachedSendState(
  cache: HeadCache,
  agents: AgentReader,
  items: LaneItem[],
): Promise<BatchState | null> {
  if (items.some(({ kind }) => kind === 'change')) return null;
  const handles = items.flatMap((item) => (item.kind === 'direct' ? [item.command.to] : []));
  const recipientIds = await agents.resolveHandles(handles);
  if (handles.some((handle) => !recipientIds.has(handle))) return null;
  const groups = cache.getAll(groupIdsIn(items).map(groupHeadId));
  if (groups === null) return null;
  const names = { recipientIds, heads: new HeadSet(groups) };
  const heads = cache.getAll(new Set(items.flatMap((item) => headIdsOf(item, names))));
  if (heads === null) return null;
  return {
    heads: new HeadSet(heads),
    replays: new Map(),
    recipientIds,
    pastMembers: new Set(),
    mutes: new MuteSet(),
    isCached: true,
    answered: new Set(),
  };
}

/** Who would receive what, for the look-up of mutes. */
export function receptionsOf(items: LaneItem[], { heads, recipientIds }: Names): Reception[] {
  return items.flatMap((item): Reception[] => {
    switch (item.kind) {
      case 'direct': {
        const senderId = item.command.sender.id;
        const recipientId = recipientIds.get(item.command.to);
        if (recipientId === undefined) return [];
        const { conversationId } = heads.pair(pairId(senderId, recipientId));
        return [{ recipientId, senderId, conversationId }];
      }
      case 'group':
        return receptionsIn(item.command.groupId, [item.command.sender.id], heads);
      case 'change':
        return receptionsIn(item.groupId, item.senderIds(), heads);
    }
  });
}

function receptionsIn(groupId: string, senderIds: string[], heads: HeadSet): Reception[] {
  const members = heads.group(groupId)?.members ?? [];
  return members.flatMap(({ agentId: recipientId }) =>
    senderIds.map((senderId) => ({ recipientId, senderId, conversationId: groupId })),
  );
}

function groupIdsIn(items: LaneItem[]): string[] {
  return [...new Set(items.flatMap((item) => groupIdOf(item) ?? []))];
}

function findHeads(database: Database, ids: string[]): Promise<Head[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return database.heads.find({ _id: { $in: ids } }, { maxTimeMS: 5_000 }).toArray();
}

async function findReplays(database: Database, items: LaneItem[]): Promise<Map<string, Message>> {
  const keys = items.flatMap((item) => (item.kind === 'change' ? [] : [item.clientKey]));
  if (keys.length === 0) return new Map();
  const rows = await database.messages
    .find({ clientKey: { $in: keys } }, { readConcern: { level: 'majority' }, maxTimeMS: 5_000 })
    .toArray();
  return new Map(rows.map((message) => [message.clientKey.toString('base64'), message]));
}

/**
 * Group members far from the cap need no look at what they dequeued: who ever got fewer envelopes than the cap cannot
 * be over it. Counts of flushed envelopes are settled where the backlog matters (design: settle on touch).
 */
async function settleBacklogs(database: Database, heads: Head[]): Promise<Head[]> {
  // The kind of a head stands in its _id: this is its parse point.
  const inboxes = heads.filter(({ _id }) => _id.startsWith('inbox-in:')) as InboxInHead[];
  const near = inboxes.filter(({ enqueued }) => enqueued >= BACKLOG_MAX - BACKLOG_MARGIN);
  const owing = inboxes.filter((inbox) => hasUncounted(inbox) && inbox.enqueued >= BACKLOG_WARNING);
  for (const { _id } of owing) await countFlushed(database, agentOf(_id));
  const known = new Set(heads.map(({ _id }) => _id));
  const missing = near.map(({ _id }) => inboxOutId(agentOf(_id))).filter((id) => !known.has(id));
  const fresh = await findHeads(database, [...missing, ...owing.flatMap(({ _id }) => [_id, inboxOutId(agentOf(_id))])]);
  const replaced = new Set(fresh.map(({ _id }) => _id));
  return [...heads.filter(({ _id }) => !replaced.has(_id)), ...fresh];
}

const agentOf = (inboxId: string): string => inboxId.slice(inboxId.indexOf(':') + 1);

async function findPastMembers(database: Database, items: LaneItem[], heads: HeadSet): Promise<Set<string>> {
  const ids = items.flatMap((item) => {
    if (item.kind !== 'group' || (heads.group(item.command.groupId)?.deleted ?? null) === null) return [];
    return [membershipId(item.command.groupId, item.command.sender.id)];
  });
  if (ids.length === 0) return new Set();
  const rows = await database.memberships
    .find({ _id: { $in: ids } }, { projection: { _id: 1 }, maxTimeMS: 5_000 })
    .toArray();
  return new Set(rows.map(({ _id }) => _id));
}
