import type { ClientSession } from 'mongodb';
import { writeAvatar } from '../agents/avatars';
import { TRANSACTION, type Database } from '../schema/database';
import { WriteConflict } from '../schema/conflicts';
import type { GuardWrites } from './guard-writes';
import type { SendPlan } from './plan';

/**
 * Writes one batch in one transaction: guards (3 trips with messages and envelopes, 1 more for a reply that
 * establishes, for outbox rows, or for a change of a group), then the commit. Contended documents come first, so a
 * conflict costs one trip.
 *
 * If the process dies before the commit, nothing of the batch exists; after it, everything does and callers that got
 * no answer replay with the same client_msg_id. Two processes that touch one guard document: the version filter or
 * the server's write conflict lets one commit, the other throws here and decides anew.
 * @throws WriteConflict or a driver error; `isRetryable` tells which of them may be tried again
 */
export async function writeSends(database: Database, guards: GuardWrites, plan: SendPlan): Promise<void> {
  if (guards.count === 0 && plan.invitations.length === 0) return;
  const session = database.client.startSession();
  try {
    session.startTransaction(TRANSACTION);
    if (guards.count > 0) await writeGuards(database, guards, session);
    if (plan.messages.length > 0) await database.messages.insertMany(plan.messages, { session });
    if (plan.envelopes.length > 0) await database.envelopes.insertMany(plan.envelopes, { session });
    await writeGroupRows(database, plan, session);
    await writeContacts(database, plan, session);
    if (plan.outbox.length > 0) await database.outbox.insertMany(plan.outbox, { session });
    await session.commitTransaction();
  } catch (error) {
    if (session.inTransaction()) await session.abortTransaction().catch(() => undefined);
    throw error;
  } finally {
    await session.endSession();
  }
}

/** Writes guards that are still at the version that was loaded, or throws. */
export async function writeGuards(database: Database, guards: GuardWrites, session: ClientSession): Promise<void> {
  const result = await database.guards.bulkWrite(guards.operations, { session, ordered: true });
  if (result.matchedCount + result.insertedCount !== guards.count) throw new WriteConflict();
}

async function writeGroupRows(database: Database, plan: SendPlan, session: ClientSession): Promise<void> {
  if (plan.memberships.length > 0) await database.memberships.bulkWrite(plan.memberships, { session });
  if (plan.invitations.length > 0) await database.invitations.bulkWrite(plan.invitations, { session });
  for (const move of plan.avatars) move.onUnused(await writeAvatar(database, move, session));
  if (plan.deletions.length > 0) await database.groupDeletions.insertMany(plan.deletions, { session });
}

/** Existing entries and their notes stay as they are (messaging.md §3.4). */
async function writeContacts(database: Database, plan: SendPlan, session: ClientSession): Promise<void> {
  if (plan.contacts.length === 0) return;
  const upserts = plan.contacts.map(({ _id, ...contact }) => ({
    updateOne: { filter: { _id }, update: { $setOnInsert: contact }, upsert: true },
  }));
  await database.contacts.bulkWrite(upserts, { session });
}
