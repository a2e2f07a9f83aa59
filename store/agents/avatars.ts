import { AppError } from '../../contract/errors';
import type { ClientSession } from 'mongodb';
import type { Avatar } from '../schema/collections/blobs';
import { withTransactionOnBy, type Caller } from '../schema/prove-caller';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** A stored picture before anything shows it. */
export interface StoredAvatar {
  /** What its owner's row and URL hold. */
  key: string;
  blobKey: string;
}

/** The picture that is shown under `key`, or null. */
export function findAvatar(database: Database, key: string): Promise<Avatar | null> {
  return database.avatars.findOne({ _id: key }, READ);
}

/**
 * The pictures' part of a transaction that changes an owner's picture from `before` (a key) to `after`; either may be
 * none. Returns the key of the object that nothing shows any more, to be removed after the commit.
 */
export async function writeAvatar(
  database: Database,
  change: { before: string | null; after: StoredAvatar | null; at: Date },
  session: ClientSession,
): Promise<string | null> {
  const { before, after, at } = change;
  let unused: string | null = null;
  if (before !== null && before !== after?.key) {
    unused = (await database.avatars.findOneAndDelete({ _id: before }, { session }))?.blobKey ?? null;
  }
  if (after === null) return unused;
  const replaced = await database.avatars.findOneAndUpdate(
    { _id: after.key },
    { $set: { blobKey: after.blobKey, createdAt: at } },
    { session, upsert: true, returnDocument: 'before' },
  );
  return replaced?.blobKey ?? unused;
}

/**
 * Shows a stored picture as the agent's. Returns the key of the object that it replaces, for removal. The object is
 * there before the row: a crash before the commit leaves an unused object, one after it the replaced object; both are
 * swept up later. Two at once: the later commit stands and removes what the earlier one stored.
 * @throws AppError UNAUTHORIZED, SUSPENDED when the caller's key or account ended meanwhile
 */
export async function setAgentAvatar(
  database: Database,
  caller: Caller,
  after: StoredAvatar,
  at: Date,
): Promise<string | null> {
  const agentId = caller._id;
  return withTransactionOnBy(database, { id: agentId, caller }, async (session) => {
    const agent = await database.agents.findOneAndUpdate(
      { _id: agentId, status: { $ne: 'deleted' } },
      { $set: { avatarKey: after.key, updatedAt: at } },
      { session, returnDocument: 'before', projection: { avatarKey: 1 } },
    );
    if (agent === null) throw new AppError('UNAUTHORIZED');
    return writeAvatar(database, { before: agent.avatarKey, after, at }, session);
  });
}

/**
 * Takes the agent's picture away: for its own call, which the commit proves, or without a caller in any state of the
 * account. A repeat finds none. The row goes before the object: nobody is shown a URL without bytes behind it.
 */
export async function clearAgentAvatar(
  database: Database,
  agentId: string,
  at: Date,
  caller?: Caller,
): Promise<{ wasSet: boolean; unused: string | null }> {
  return withTransactionOnBy(database, { id: agentId, caller }, async (session) => {
    const agent = await database.agents.findOneAndUpdate(
      { _id: agentId, avatarKey: { $ne: null } },
      { $set: { avatarKey: null, updatedAt: at } },
      { session, returnDocument: 'before', projection: { avatarKey: 1 } },
    );
    if (agent === null) return { wasSet: false, unused: null };
    return { wasSet: true, unused: await writeAvatar(database, { before: agent.avatarKey, after: null, at }, session) };
  });
}
