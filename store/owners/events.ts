import { latestOf, mergeTimeline, wantedOf, type SourcePage, type TimelineCursor } from '../../domain/timeline';
import type { GroupCard } from '../../domain/group';
import type { AuditEvent } from '../schema/collections/audit';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { loadGroupCards } from '../inbox/inbox';
import { findProfiles } from '../agents/profiles';
import { readReceived, readSent, withAllOf, type TrafficEntry } from './traffic';

/** One entry of an agent's activity log (dashboard.md §7). */
export type OwnerEvent =
  | { kind: 'audit'; id: string; at: Date; event: AuditEvent }
  | {
      kind: 'sent' | 'received';
      id: string;
      at: Date;
      message: Message;
      /** Null in groups, and when the peer's row is gone. */
      peerHandle: string | null;
      /** Null for direct messages. */
      group: GroupCard | null;
    };

type AuditEntry = Extract<OwnerEvent, { kind: 'audit' }>;

/** Events of one agent in one millisecond: a handful. */
const OF_ONE_TIME_MAX = 1_000;

export interface EventsQuery {
  cursor: TimelineCursor;
  limit: number;
  includeMessages: boolean;
  now: Date;
}

/**
 * A page of what happened to and was done by an agent, newest first: recorded events and, if asked for, the messages
 * that its history shows it now. Every source is read through an index from the cursor on, so no page costs more for
 * what is older or newer.
 */
export async function readEvents(
  database: Database,
  agentId: string,
  { cursor, limit, includeMessages, now }: EventsQuery,
): Promise<{ events: OwnerEvent[]; next: TimelineCursor | null }> {
  const sources = await Promise.all([
    readRecorded(database, agentId, cursor, limit),
    ...(includeMessages
      ? [readSent(database, agentId, cursor, limit), readReceived(database, agentId, cursor, limit, now)]
      : []),
  ]);
  const page = mergeTimeline<AuditEntry | TrafficEntry>(sources, cursor, limit);
  return { events: await withMessages(database, agentId, page.entries), next: page.next };
}

async function readRecorded(
  database: Database,
  targetId: string,
  cursor: TimelineCursor,
  limit: number,
): Promise<SourcePage<AuditEntry>> {
  const find = (createdAt: object, rows: number): Promise<AuditEvent[]> =>
    database.auditEvents
      .find({ targetId, createdAt }, { ...SAFE_READ, sort: { createdAt: -1, _id: -1 }, limit: rows })
      .toArray();
  const wanted = wantedOf(cursor, limit);
  const rows = await find({ $lte: new Date(latestOf(cursor)) }, wanted);
  const last = rows.length < wanted ? undefined : rows.at(-1);
  const all =
    last === undefined ? rows : await withAllOf(rows, last.createdAt, (at) => find({ $eq: at }, OF_ONE_TIME_MAX));
  const entries = all.map((event) => ({ kind: 'audit' as const, id: event._id, at: event.createdAt, event }));
  return { entries, horizonMs: last === undefined ? null : last.createdAt.getTime() - 1 };
}

/** The contents of the page alone, and whom they went to or came from. */
async function withMessages(
  database: Database,
  agentId: string,
  entries: (AuditEntry | TrafficEntry)[],
): Promise<OwnerEvent[]> {
  const ids = entries.flatMap(({ kind, id }) => (kind === 'audit' ? [] : [id]));
  if (ids.length === 0) return entries.filter((entry) => entry.kind === 'audit');
  const messages = await database.messages.find({ _id: { $in: ids } }, SAFE_READ).toArray();
  const byId = new Map(messages.map((message) => [message._id, message]));
  const peerOf = ({ senderId, recipientId }: Message) => (senderId === agentId ? recipientId : senderId);
  const direct = messages.filter(({ recipientId }) => recipientId !== null);
  const [profiles, groups] = await Promise.all([
    findProfiles(database, [...new Set(direct.map((message) => peerOf(message) ?? ''))]),
    loadGroupCards(
      database,
      messages.map(({ conversationId }) => conversationId),
    ),
  ]);
  return entries.flatMap((entry): OwnerEvent[] => {
    if (entry.kind === 'audit') return [entry];
    const message = byId.get(entry.id);
    if (message === undefined) return [];
    const { kind, id, at } = entry;
    const peerHandle = message.recipientId === null ? null : (profiles.get(peerOf(message) ?? '')?.handle ?? null);
    return [{ kind, id, at, message, peerHandle, group: groups.get(message.conversationId) ?? null }];
  });
}
