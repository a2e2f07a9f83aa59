import { createHash } from 'node:crypto';
import type { ClientSession } from 'mongodb';
import { decideRecovery, type RecoveryChoice } from '../../domain/recovery';
import type { Pending } from '../schema/collections/verification';
import { makeOrFind } from '../schema/conflicts';
import { withTransaction, type Database } from '../schema/database';

/** What asking for a recovery is answered with. */
export interface RecoveryClaim {
  pending: Pending;
  /** Which mail of this pending is asked for; the same number again asks for nothing new. */
  ask: number;
}

/**
 * The one live recovery of an email, whatever handle was named (identity.md §5): `fresh`, or the earlier pending while
 * it lives. `domain/recovery.ts` decides. The same reads and writes for known and unknown emails; what is stored differs
 * in content only.
 *
 * Two at once: the document of the email lets one be first, the other gets the same pending. A crash leaves all of it or
 * nothing; a pending whose flow was not started, or not asked for its mail, is by the next ask.
 */
export async function claimRecovery(database: Database, fresh: Pending): Promise<RecoveryClaim> {
  const _id = recoveryId(fresh.email);
  return makeOrFind(() =>
    withTransaction(database, async (session) => {
      const row = await database.recoveries.findOneAndUpdate(
        { _id },
        { $inc: { v: 1 }, $setOnInsert: { pendingId: fresh._id, until: fresh.expiresAt } },
        { upsert: true, returnDocument: 'before', session },
      );
      const earlier = row === null ? null : await database.pendings.findOne({ _id: row.pendingId }, { session });
      const choice = decideRecovery({ row, earlier, fresh });
      await save(database, choice, row?.pendingId ?? null, session);
      const { pending, coolsUntil, asks, isStandIn } = choice;
      const next = { pendingId: pending._id, until: pending.expiresAt, coolsUntil, asks, isStandIn };
      await database.recoveries.updateOne({ _id }, { $set: next }, { session });
      return { pending, ask: asks };
    }),
  );
}

/** One live pending per email: what a new one replaces is gone with the same commit. */
async function save(
  database: Database,
  { pending, isEarlier }: RecoveryChoice<Pending>,
  replacedId: string | null,
  session: ClientSession,
): Promise<void> {
  if (isEarlier) {
    const { _id, agentId, handle, hasCode = true } = pending;
    await database.pendings.updateOne({ _id }, { $set: { agentId, handle, hasCode } }, { session });
    return;
  }
  if (replacedId !== null) await database.pendings.deleteOne({ _id: replacedId }, { session });
  await database.pendings.insertOne(pending, { session });
}

/** Takes back a claim whose flow could not be started. Repeating it changes nothing. */
export async function withdrawRecovery(database: Database, { _id: pendingId, email }: Pending): Promise<void> {
  await database.recoveries.deleteOne({ _id: recoveryId(email), pendingId });
  await database.pendings.deleteOne({ _id: pendingId });
}

/** The zero byte ends the email as it did when a handle could follow it: rows of then are found. */
export const recoveryId = (email: string): string => createHash('sha256').update(`${email}\0`).digest('hex');
