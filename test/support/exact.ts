import { inboxInId, inboxOutId, type InboxInHead, type InboxOutHead } from '../../domain/heads';
import { countUnread } from '../../domain/reading';
import { withTransaction, type Database } from '../../store/database';
import { notFlushed } from '../../store/flushing';
import { findParticipation } from '../../store/participation';
import type { Sender } from './traffic';

/** Proves that the counters of an agent are what its rows say: backlog, and unread messages of each conversation. */
export async function expectExactCounters(
  database: Database,
  { id }: Pick<Sender, 'id'>,
  conversationIds: string[],
): Promise<void> {
  // As of one moment: what was lost with a group leaves the counter first, and its rows are rewritten later.
  const [counted, stored] = await withTransaction(database, async (session) => {
    const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(id) }, { session });
    const outbox = await database.heads.findOne<InboxOutHead>({ _id: inboxOutId(id) }, { session });
    const gone = (inbox?.flushing ?? []).filter(({ isCounted }) => isCounted);
    const rows = { recipientId: id, status: 'stored' as const, ...notFlushed(gone) };
    return [
      (inbox?.enqueued ?? 0) - (outbox?.dequeued ?? 0),
      await database.envelopes.countDocuments(rows, { session }),
    ];
  });
  expect(counted).toBe(stored);
  for (const conversationId of conversationIds) {
    const place = await findParticipation(database, id, conversationId);
    if (place?.state !== 'active') throw new Error('the agent is not in the conversation');
    const rows = await database.envelopes.find({ recipientId: id, conversationId }).sort({ seq: 1 }).toArray();
    const ranges = await database.hiddenRanges.find({ agentId: id, conversationId }).toArray();
    const isHidden = (seq: number) => ranges.some(({ from, to }) => seq >= from && seq <= to);
    const unread = rows.filter(
      ({ seq, status }) =>
        status !== 'read' && !isHidden(seq) && seq > place.reader.hiddenUpTo && seq >= place.joinedSeq,
    );
    expect(countUnread(place)).toBe(unread.length);
    for (const row of rows) {
      const expected = row.status === 'read' ? undefined : isHidden(row.seq) ? 'hidden' : 'shown';
      expect([row.seq, row.unread]).toEqual([row.seq, expected]);
    }
  }
}
