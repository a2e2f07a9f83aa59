import type { ClientSession } from 'mongodb';
import { REFRESH_TOKEN_SECONDS } from '../../contract/limits';
import { newOwnerId } from '../../platform/ids';
import { recordAudit } from '../schema/audit';
import type { Owner, OwnerSession } from '../schema/collections/owners';
import { withTransaction, type Database } from '../schema/database';
import { makeOrFind } from '../schema/conflicts';

export interface SignIn {
  email: string;
  sessionId: string;
  /** Of the session's first refresh token. */
  tokenHash: string;
  at: Date;
}

/**
 * Signs an owner in: the first time an address signs in makes the owner, every time makes a session; with the events, in
 * one transaction. `also` runs in it (using up the pending row).
 *
 * Two first sign-ins of one address at once: the unique index lets one make the owner, the other starts over and finds it.
 * A crash leaves all of it or nothing.
 */
export async function signIn(
  database: Database,
  input: SignIn,
  also: (owner: Owner, session: ClientSession) => Promise<void> = () => Promise.resolve(),
): Promise<Owner> {
  const attempt = (): Promise<Owner> =>
    withTransaction(database, async (session) => {
      const owner = (await findOwner(database, input, session)) ?? (await createOwner(database, input, session));
      await database.ownerSessions.insertOne(newSession(input, owner._id), { session });
      await record(database, 'owner.signed_in', owner._id, input.at, session);
      await also(owner, session);
      return owner;
    });
  return makeOrFind(attempt, ['email']);
}

/** The type is asked for, or MongoDB would not take the partial index. */
function findOwner(database: Database, { email }: SignIn, session: ClientSession): Promise<Owner | null> {
  return database.owners.findOne({ email, deletedAt: { $eq: null, $type: 'null' } }, { session });
}

async function createOwner(database: Database, { email, at }: SignIn, session: ClientSession): Promise<Owner> {
  const owner: Owner = {
    _id: newOwnerId(),
    email,
    displayName: null,
    createdAt: at,
    updatedAt: at,
    deletedAt: null,
  };
  await database.owners.insertOne(owner, { session });
  await record(database, 'owner.created', owner._id, at, session);
  return owner;
}

function newSession({ sessionId, tokenHash, at }: SignIn, ownerId: string): OwnerSession {
  return {
    _id: sessionId,
    ownerId,
    tokens: [{ hash: tokenHash, rotation: null }],
    createdAt: at,
    lastRefreshedAt: at,
    seenAt: at,
    expiresAt: new Date(at.getTime() + REFRESH_TOKEN_SECONDS * 1_000),
  };
}

function record(
  database: Database,
  action: 'owner.created' | 'owner.signed_in',
  ownerId: string,
  at: Date,
  session: ClientSession,
): Promise<void> {
  return recordAudit(database, { actor: { type: 'owner', id: ownerId }, action, targetId: ownerId, at }, session);
}
