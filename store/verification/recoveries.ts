import { createHash } from 'node:crypto';
import { CODE_COOLDOWN_MS } from '../../contract/limits';
import type { Pending } from '../schema/collections/verification';
import { withTransaction, type Database } from '../schema/database';
import { makeOrFind } from '../schema/conflicts';

/** What a recovery was asked for. */
export interface RecoveryKey {
  email: string;
  /** The handle that was named, or null. */
  handle: string | null;
}

/**
 * The pending that asking for a recovery answers: `fresh`, unless the same was asked for less than a minute ago and that
 * pending still lives. When it was used or burned, a decoy takes its place for the rest of the minute. The same reads
 * and writes for known and unknown emails; what is stored differs in content only.
 *
 * Two at once: the document of the email lets one be first, the other gets the same pending. A crash leaves all of it or
 * nothing; a pending whose flow was not started yet is started by the next ask.
 */
export async function claimRecovery(database: Database, key: RecoveryKey, fresh: Pending): Promise<Pending> {
  const _id = recoveryId(key);
  const now = fresh.createdAt;
  const isOver = { $lte: [{ $ifNull: ['$until', now] }, now] };
  const until = new Date(now.getTime() + CODE_COOLDOWN_MS);
  const answer = (): Promise<Pending> =>
    withTransaction(database, async (session) => {
      const claim = await database.recoveries.findOneAndUpdate(
        { _id },
        [
          {
            $set: {
              pendingId: { $cond: [isOver, fresh._id, '$pendingId'] },
              until: { $cond: [isOver, until, '$until'] },
            },
          },
        ],
        { upsert: true, returnDocument: 'after', session },
      );
      const isFirst = claim === null || claim.pendingId === fresh._id;
      const earlier = isFirst ? null : await database.pendings.findOne({ _id: claim.pendingId }, { session });
      if (earlier !== null) return earlier;
      const pending = isFirst ? fresh : { ...fresh, agentId: null, handle: null };
      if (!isFirst) await database.recoveries.updateOne({ _id }, { $set: { pendingId: fresh._id } }, { session });
      await database.pendings.insertOne(pending, { session });
      return pending;
    });
  return makeOrFind(answer);
}

/** Takes back a claim whose flow could not be started. Repeating it changes nothing. */
export async function withdrawRecovery(database: Database, key: RecoveryKey, pendingId: string): Promise<void> {
  await database.recoveries.deleteOne({ _id: recoveryId(key), pendingId });
  await database.pendings.deleteOne({ _id: pendingId });
}

function recoveryId({ email, handle }: RecoveryKey): string {
  return createHash('sha256')
    .update(`${email}\0${handle ?? ''}`)
    .digest('hex');
}
