import { countUnread } from '../../domain/reading';
import type { Database } from '../../store/schema/database';
import { countersOf } from './backlog';
import { findParticipation } from '../../store/conversations/participation';
import type { Sender } from './traffic';

/** Proves that the counters of an agent are what its rows say: backlog, and unread messages of each conversation. */
export async function expectExactCounters(
  database: Database,
  { id }: Pick<Sender, 'id'>,
  conversationIds: string[],
): Promise<void> {
  const counters = await countersOf(database, { id });
  expect(counters.counted).toBe(counters.stored);
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
