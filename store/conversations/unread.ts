import type { ClientSession, Document } from 'mongodb';
import { visibleFloor } from '../../domain/history';
import { countUnread } from '../../domain/reading';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import type { ActivePlace } from './participation';

/** Messages of a conversation that count as unread for one agent (messaging.md §11.1). */
export interface Unread {
  count: number;
  oldestSeq: number | null;
  newestSeq: number | null;
}

export const NONE_UNREAD: Unread = { count: 0, oldestSeq: null, newestSeq: null };

/**
 * What is unread in each of `places`, by conversation id. The counts come from counters, the two ends from one look at
 * the index of unread envelopes each, all in one call.
 * @param session a snapshot in which the places were read too, so that counts and ends agree
 */
export async function findUnread(
  database: Database,
  agentId: string,
  places: ActivePlace[],
  session: ClientSession,
): Promise<Map<string, Unread>> {
  const unread = new Map<string, Unread>(places.map(({ conversationId }) => [conversationId, NONE_UNREAD]));
  const counted = places.filter((place) => countUnread(place) > 0);
  const [first, ...others] = counted.flatMap((place) => [endOf(agentId, place, 1), endOf(agentId, place, -1)]);
  if (first === undefined) return unread;
  const ends = await database.envelopes
    .aggregate<{ conversationId: string; seq: number; end: number }>(
      [...first, ...others.map((pipeline) => ({ $unionWith: { coll: 'envelopes', pipeline } }))],
      { session, ...READ },
    )
    .toArray();
  const seqOf = (conversationId: string, end: number): number | null =>
    ends.find((found) => found.conversationId === conversationId && found.end === end)?.seq ?? null;
  for (const place of counted) {
    const { conversationId } = place;
    unread.set(conversationId, {
      count: countUnread(place),
      oldestSeq: seqOf(conversationId, 1),
      newestSeq: seqOf(conversationId, -1),
    });
  }
  return unread;
}

function endOf(recipientId: string, place: ActivePlace, end: 1 | -1): Document[] {
  const { conversationId, joinedSeq } = place;
  const floor = visibleFloor({ joinedSeq, hiddenUpTo: place.reader.hiddenUpTo });
  return [
    { $match: { recipientId, conversationId, unread: 'shown', seq: { $gte: floor } } },
    { $sort: { seq: end } },
    { $limit: 1 },
    { $project: { _id: 0, conversationId: 1, seq: 1, end: { $literal: end } } },
  ];
}
