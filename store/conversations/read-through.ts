import { ID_PREFIX } from '../../contract/ids';
import { envelopesOf } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { safely } from './participation';

/** Index keys that one look of `readThroughSeq` passes over in a group, where others write, too. */
const GROUP_KEYS_MAX = 5_000;

const keysMax = (conversationId: string): number =>
  conversationId.startsWith(ID_PREFIX.directConversation) ? 1 : GROUP_KEYS_MAX;

interface Lane {
  readerId: string;
  senderId: string;
  conversationId: string;
}

/**
 * How far the sender's messages are read by the reader: the seq of the newest of them before which none is unread, 0
 * when there is none (realtime.md §3.2). In a direct conversation two index keys. In a group the keys of other senders
 * are passed over, at most `GROUP_KEYS_MAX` each time: beyond that the answer may be lower than it could be, never
 * higher.
 */
export async function readThroughSeq(database: Database, lane: Lane): Promise<number> {
  const before = await firstUnread(database, lane);
  const { readerId: recipientId, conversationId, senderId } = lane;
  const [newest] = await database.envelopes
    .aggregate<{ seq: number }>(
      [
        { $match: envelopesOf(recipientId, conversationId, { $lt: before ?? Infinity }) },
        { $sort: { seq: -1 } },
        { $limit: keysMax(conversationId) },
        { $match: { senderId } },
        { $limit: 1 },
        { $project: { _id: 0, seq: 1 } },
      ],
      { ...safely({}), hint: 'recipient_conversation' },
    )
    .toArray();
  return newest?.seq ?? 0;
}

/** The seq of the sender's first message that is not read, hidden or not; null when all of them are. */
async function firstUnread(
  database: Database,
  { readerId: recipientId, conversationId, senderId }: Lane,
): Promise<number | null> {
  const [found] = await database.envelopes
    .aggregate<{ first: number | null; last: number; keys: number }>(
      [
        { $match: { recipientId, conversationId, unread: { $in: ['shown', 'hidden'] } } },
        { $sort: { seq: 1 } },
        { $limit: keysMax(conversationId) },
        {
          $group: {
            _id: null,
            first: { $min: { $cond: [{ $eq: ['$senderId', senderId] }, '$seq', null] } },
            last: { $max: '$seq' },
            keys: { $sum: 1 },
          },
        },
      ],
      { ...safely({}), hint: 'recipient_conversation' },
    )
    .toArray();
  if (found === undefined) return null;
  return found.first ?? (found.keys === keysMax(conversationId) ? found.last : null);
}
