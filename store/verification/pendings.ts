import type { ClientSession } from 'mongodb';
import { newOutboxId } from '../../platform/ids';
import type { FlowCommit } from '../schema/collections/outbox';
import type { Pending } from '../schema/collections/verification';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Stores what a code was asked for, before its flow starts. */
export async function insertPending(database: Database, pending: Pending): Promise<void> {
  await database.pendings.insertOne(pending);
}

/** The pending of this id and purpose; whether it is still valid is for its flow to say. */
export function findPending(database: Database, id: string, purpose: Pending['purpose']): Promise<Pending | null> {
  return database.pendings.findOne({ _id: id, purpose }, READ);
}

/**
 * The last sign-in that this address asked a code for and that is still valid, or null. To a device that is not known,
 * those of known ones do not exist: whoever knows the address only must not use up their tries.
 */
export async function findLastSignIn(
  database: Database,
  { email, isKnownDevice, now }: { email: string; isKnownDevice: boolean; now: Date },
): Promise<string | null> {
  const visible = isKnownDevice ? {} : { isKnownDevice: { $ne: true } };
  const pending = await database.pendings.findOne(
    { email, purpose: 'sign_in', expiresAt: { $gt: now }, ...visible },
    { ...READ, sort: { createdAt: -1 }, projection: { _id: 1 } },
  );
  return pending?._id ?? null;
}

/** The last code that this address asked for at this share link and that is still valid, or null. */
export function findLastVisit(
  database: Database,
  { linkId, email, now }: { linkId: string; email: string; now: Date },
): Promise<Pending | null> {
  return database.pendings.findOne(
    { linkId, email, purpose: 'visit', expiresAt: { $gt: now } },
    { ...READ, sort: { createdAt: -1 } },
  );
}

/** The pending of this id, whatever it is for. */
export function loadPending(database: Database, id: string): Promise<Pending | null> {
  return database.pendings.findOne({ _id: id }, READ);
}

/** Removes a pending that was refused, burned or used; repeating it changes nothing. */
export async function deletePending(database: Database, id: string): Promise<void> {
  await database.pendings.deleteOne({ _id: id });
}

/** What was done with a right code, for its flow. */
export interface Committed {
  pendingId: string;
  workflowId: string;
  commit: FlowCommit;
  at: Date;
}

/** Inside the transaction that the verification was for: the pending is gone, and the flow will be told. */
export async function recordCommitted(database: Database, done: Committed, session: ClientSession): Promise<void> {
  const { pendingId, workflowId, commit, at } = done;
  await database.pendings.deleteOne({ _id: pendingId }, { session });
  await database.outbox.insertOne(
    { _id: newOutboxId(), kind: 'flow.committed', workflowId, ...commit, createdAt: at },
    { session },
  );
}

/** The flow heard of the commit: its row leaves the outbox. Repeating it finds none. */
export async function settleCommitted(database: Database, workflowId: string): Promise<void> {
  await database.outbox.deleteMany({ kind: 'flow.committed', workflowId });
}
