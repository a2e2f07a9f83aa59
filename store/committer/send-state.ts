import type { Document } from 'mongodb';
import {
  emptyPair,
  inboxInId,
  inboxOutId,
  pairId,
  senderHeadId,
  type InboxInHead,
  type InboxOutHead,
  type PairHead,
  type SenderHead,
} from '../../domain/heads';
import type { AgentReader } from '../agents';
import { clientKey } from '../client-keys';
import type { Message } from '../collections/messages';
import type { Database, Head } from '../database';
import type { HeadCache } from './head-cache';
import { MuteSet, type Reception } from './mutes';
import type { SendCommand } from './send-types';

/** The guarding documents of one batch: as loaded, and as they are after the decisions so far. */
export class HeadSet {
  private readonly loaded = new Map<string, Head>();
  private readonly current = new Map<string, Head>();

  constructor(rows: Head[]) {
    for (const row of rows) {
      this.loaded.set(row._id, row);
      this.current.set(row._id, row);
    }
  }

  // The kind of a head stands in its _id; these four are the parse points of the union.
  pair = (id: string): PairHead => (this.current.get(id) as PairHead | undefined) ?? emptyPair(id);
  sender = (agentId: string): SenderHead | null => (this.current.get(senderHeadId(agentId)) as SenderHead) ?? null;
  inboxIn = (agentId: string): InboxInHead | null => (this.current.get(inboxInId(agentId)) as InboxInHead) ?? null;
  inboxOut = (agentId: string): InboxOutHead | null => (this.current.get(inboxOutId(agentId)) as InboxOutHead) ?? null;

  version(id: string): number {
    return this.loaded.get(id)?.v ?? 0;
  }

  put(head: Head): void {
    this.current.set(head._id, head);
  }

  /** Every head of the batch as it is after a successful write. */
  afterWrite(): Head[] {
    return [...this.current.values()].map((head) => {
      const before = this.loaded.get(head._id);
      return before === head ? head : { ...head, v: (before?.v ?? 0) + 1 };
    });
  }

  /** Heads that differ from what was loaded, the contended kinds first, always in the same order. */
  changed(): { before: Head | null; after: Head }[] {
    return [...this.current.values()]
      .filter((head) => this.loaded.get(head._id) !== head)
      .map((after) => ({ before: this.loaded.get(after._id) ?? null, after }))
      .sort((one, other) => (one.after._id < other.after._id ? -1 : 1));
  }
}

/** One send with everything of it that does not change between tries. */
export interface SendItem {
  command: SendCommand;
  clientKey: ReturnType<typeof clientKey>;
  clientKeyText: string;
  /** Commits that tried to write it: a message found with one of these ids is this item's own. */
  commitIds: Set<string>;
  tries: number;
}

export function newSendItem(command: SendCommand): SendItem {
  const key = clientKey(command.sender.id, command.clientMsgId);
  return { command, clientKey: key, clientKeyText: key.toString('base64'), commitIds: new Set(), tries: 0 };
}

export interface BatchState {
  heads: HeadSet;
  /** Originals of retried sends, by client key. */
  replays: Map<string, Message>;
  recipientIds: Map<string, string>;
  mutes: MuteSet;
  /** True: heads may be older than they are in the database, and replays were not looked up. */
  isCached: boolean;
  /** Messages that one item of the batch was already answered with a 201 for. */
  answered: Set<string>;
}

/** Ids of the guarding documents that `item` rests on. */
export function headIdsOf(item: SendItem, recipientIds: Map<string, string>): string[] {
  const senderId = item.command.sender.id;
  const recipientId = recipientIds.get(item.command.to);
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

/**
 * Loads what the rules need for a batch: one look-up for handles never seen before, then heads and replays at once.
 * Heads are read as new as can be (their versions are checked by the write); replays majority-committed, because a
 * 200 promises that the original is durable.
 */
export async function loadSendState(database: Database, agents: AgentReader, items: SendItem[]): Promise<BatchState> {
  const recipientIds = await agents.resolveHandles([...new Set(items.map((item) => item.command.to))]);
  const headIds = new Set(items.flatMap((item) => headIdsOf(item, recipientIds)));
  const [heads, replays] = await Promise.all([
    database.heads.find({ _id: { $in: [...headIds] } }, { maxTimeMS: 5_000 }).toArray(),
    database.messages
      .find(
        { clientKey: { $in: items.map((item) => item.clientKey) } },
        { readConcern: { level: 'majority' }, maxTimeMS: 5_000 },
      )
      .toArray(),
  ]);
  return {
    heads: new HeadSet(heads),
    replays: new Map(replays.map((message) => [message.clientKey.toString('base64'), message])),
    recipientIds,
    mutes: new MuteSet(),
    isCached: false,
    answered: new Set(),
  };
}

/** The state of a small batch from the cache alone, or null when something of it is not there. */
export async function cachedSendState(
  cache: HeadCache,
  agents: AgentReader,
  items: SendItem[],
): Promise<BatchState | null> {
  const recipientIds = await agents.resolveHandles(items.map((item) => item.command.to));
  if (items.some((item) => !recipientIds.has(item.command.to))) return null;
  const heads = cache.getAll(new Set(items.flatMap((item) => headIdsOf(item, recipientIds))));
  if (heads === null) return null;
  return {
    heads: new HeadSet(heads),
    replays: new Map(),
    recipientIds,
    mutes: new MuteSet(),
    isCached: true,
    answered: new Set(),
  };
}

/** Who would receive what, for the look-up of mutes. */
export function receptionsOf(items: SendItem[], { heads, recipientIds }: BatchState): Reception[] {
  return items.flatMap(({ command }) => {
    const recipientId = recipientIds.get(command.to);
    if (recipientId === undefined) return [];
    const { conversationId } = heads.pair(pairId(command.sender.id, recipientId));
    return [{ recipientId, senderId: command.sender.id, conversationId }];
  });
}

/** The write of one head: an insert when nobody wrote it yet, else an update that expects the loaded version. */
export function headWrite(before: Head | null, after: Head): Document {
  if (before === null) return { insertOne: { document: { ...after, v: 1 } } };
  const old = new Map<string, unknown>(Object.entries(before));
  const $set = Object.fromEntries(Object.entries(after).filter(([name, value]) => old.get(name) !== value));
  return { updateOne: { filter: { _id: after._id, v: before.v }, update: { $set, $inc: { v: 1 } } } };
}
