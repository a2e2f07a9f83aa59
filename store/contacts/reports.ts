import { AppError } from '../../contract/errors';
import { newId } from '../../platform/ids';
import { withTransactionOnBy } from '../schema/prove-caller';
import type { Database } from '../schema/database';
import { isDuplicateKey } from '../schema/conflicts';
import { requestEvaluation } from '../outbox/enforcement-requests';
import { noteComplaint } from './complaints';
import { recordRelation, turnOf, writeBlock, type Relation, type RelationChange } from './relations';

/**
 * Records that `from` reports `to`, for ever, and blocks it unless it is blocked already: one transaction with the
 * request for an evaluation, so a crash leaves all of it or nothing. Of two at once the unique index lets one commit;
 * the other, and every later one, changes nothing at all, so a block that was taken back stays so.
 * @throws AppError ALREADY_REPORTED
 */
export async function reportAgent(
  database: Database,
  { from, to, at, reason, caller }: Relation & { reason: string | null },
): Promise<RelationChange> {
  const id = newId('report');
  try {
    return await withTransactionOnBy(database, turnOf({ from, to, caller }), async (session) => {
      const { counts } = await writeBlock(database, { from, to, at }, session);
      const report = { _id: id, reporterId: from, reportedId: to, reason, createdAt: at, counts };
      await database.reports.insertOne(report, { session });
      await recordRelation(database, 'agent.reported', { from, to, at }, session);
      // A block of days ago counts no more, the report does.
      await noteComplaint(database, { from, to, at }, session);
      const request = counts
        ? await requestEvaluation(database, { agentId: to, trigger: 'report', at }, session)
        : null;
      return { isNew: true, request };
    });
  } catch (error) {
    if (isDuplicateKey(error, ['reporterId', 'reportedId'])) throw new AppError('ALREADY_REPORTED');
    throw error;
  }
}
