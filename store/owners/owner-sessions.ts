import type { Document } from 'mongodb';
import { REFRESH_GRACE_MS, REFRESH_TOKEN_SECONDS, REFRESH_WAIT_MS } from '../../contract/limits';
import type { Succession } from '../../platform/refresh-tokens';
import { recordAudit } from '../schema/audit';
import type { Owner, OwnerSession } from '../schema/collections/owners';
import { withTransaction, type Database } from '../schema/database';
import { within } from '../schema/deadline';

/** Sessions of owners (dashboard.md §3). A session is its row: without it no token of it is worth anything. */

/** Bounded on our side too: a database that takes calls and never answers must end in a 503, not in silence. */
const SESSION_MS_MAX = 5_000;

/** The session and its owner as they are now; null where there is none, or its time is over. */
export async function findSignedIn(
  database: Database,
  { sessionId, ownerId }: { sessionId: string; ownerId: string },
  now: Date,
): Promise<{ session: OwnerSession | null; owner: Owner | null }> {
  const looking = Promise.all([
    database.ownerSessions.findOne({ _id: sessionId, ownerId, expiresAt: { $gt: now } }, { maxTimeMS: SESSION_MS_MAX }),
    database.owners.findOne({ _id: ownerId, deletedAt: null }, { maxTimeMS: SESSION_MS_MAX }),
  ]);
  const [session, owner] = await within(SESSION_MS_MAX, looking);
  return { session, owner };
}

/** How the token that was shown became the next one; the same for everybody who shows it within the grace. */
export interface Rotation {
  session: OwnerSession;
  succession: Succession;
  /** When it was replaced, by the database's clock. */
  at: Date;
}

const ALIVE = { $gt: ['$expiresAt', '$$NOW'] };

/**
 * Replaces a refresh token, or finds how it was replaced within the last 30 s; in one atomic write of the session's row
 * that everybody with a token of it does alike, by the database's clock:
 *
 * - Many at once with the current token, on any number of processes: the first write replaces it, the others find the row
 *   changed and read the first one's rotation from it. All derive one successor from it, none rotates again.
 * - A caller that dies, or whose answer is lost: its browser still has the old token and gets the same pair again while
 *   the grace lasts; later it signs in anew.
 * - The successor may be replaced itself meanwhile: each replaced token keeps its rotation until its own grace is over.
 * - Against the end of the session: the row is there or it is not. A refresh that was first is ended with it.
 *
 * Also who only reads writes (`seenAt`): what is acknowledged to it, the winner's rotation included, is majority-durable.
 * @returns null for a token that is unknown, replaced longer ago, or of a session whose time is over
 * @throws DatabaseTimeout; whether the token was replaced is then unknown, and showing it again tells
 */
export async function rotateToken(
  database: Database,
  shown: { hash: string; successorHash: string; succession: Succession },
): Promise<Rotation | null> {
  const writing = database.ownerSessions.findOneAndUpdate({ 'tokens.hash': shown.hash }, rotation(shown), {
    returnDocument: 'after',
    maxTimeMS: REFRESH_WAIT_MS,
  });
  const session = await within(REFRESH_WAIT_MS, writing);
  const rotated = session?.tokens.find(({ hash }) => hash === shown.hash)?.rotation ?? null;
  if (session === null || rotated === null || session.expiresAt <= session.seenAt) return null;
  if (session.seenAt.getTime() - rotated.at.getTime() >= REFRESH_GRACE_MS) return null;
  return { session, succession: rotated, at: rotated.at };
}

/** Replaced tokens that one session remembers: a browser makes one or two in 30 s. */
const TOKENS_MAX = 64;

/** What `$literal` keeps from being read as an expression: key ids are the operator's words. */
function rotation({ hash, successorHash, succession }: Parameters<typeof rotateToken>[1]): Document[] {
  const isDue = { $and: [ALIVE, { $eq: [{ $last: '$tokens.hash' }, { $literal: hash }] }] };
  const inGrace = {
    $filter: {
      input: '$tokens',
      cond: { $gt: ['$$this.rotation.at', { $subtract: ['$$NOW', REFRESH_GRACE_MS] }] },
    },
  };
  const replaced = {
    hash: { $literal: hash },
    rotation: { nonce: { $literal: succession.nonce }, keyId: { $literal: succession.keyId }, at: '$$NOW' },
  };
  const current = { hash: { $literal: successorHash }, rotation: { $literal: null } };
  const tokens = { $slice: [{ $concatArrays: [inGrace, [replaced, current]] }, -TOKENS_MAX] };
  return [
    // One stage: every expression sees the row as it was.
    {
      $set: {
        seenAt: '$$NOW',
        tokens: { $cond: [isDue, tokens, '$tokens'] },
        lastRefreshedAt: { $cond: [isDue, '$$NOW', '$lastRefreshedAt'] },
        expiresAt: { $cond: [isDue, { $add: ['$$NOW', REFRESH_TOKEN_SECONDS * 1_000] }, '$expiresAt'] },
      },
    },
  ];
}

/** Ends the session of a refresh token, current or replaced; null = there was none. From then on nothing of it is valid. */
export function endSession(database: Database, hash: string): Promise<OwnerSession | null> {
  const ending = database.ownerSessions.findOneAndDelete({ 'tokens.hash': hash }, { maxTimeMS: SESSION_MS_MAX });
  return within(SESSION_MS_MAX, ending);
}

/** The owner whom a refresh token belongs to, current or replaced; null for one that is not known. */
export async function findOwnerOfRefreshToken(
  database: Database,
  hash: string,
): Promise<{ id: string; email: string } | null> {
  const find = async () => {
    const session = await database.ownerSessions.findOne({ 'tokens.hash': hash }, { maxTimeMS: SESSION_MS_MAX });
    const owner =
      session === null ? null : await database.owners.findOne({ _id: session.ownerId }, { maxTimeMS: SESSION_MS_MAX });
    return owner === null ? null : { id: owner._id, email: owner.email };
  };
  return within(SESSION_MS_MAX, find());
}

/** The owner of the live session that this refresh token, current or replaced, belongs to; null = there is none. */
export async function findOwnerOfSession(database: Database, hash: string, now: Date): Promise<Owner | null> {
  const find = async (): Promise<Owner | null> => {
    const session = await database.ownerSessions.findOne(
      { 'tokens.hash': hash, expiresAt: { $gt: now } },
      { maxTimeMS: SESSION_MS_MAX },
    );
    if (session === null) return null;
    return database.owners.findOne({ _id: session.ownerId, deletedAt: null }, { maxTimeMS: SESSION_MS_MAX });
  };
  return within(SESSION_MS_MAX, find());
}

/** Ends this session of an owner. Repeating it changes nothing. */
export async function endSessionById(database: Database, ownerId: string, sessionId: string): Promise<void> {
  const ending = database.ownerSessions.deleteOne({ _id: sessionId, ownerId }, { maxTimeMS: SESSION_MS_MAX });
  await within(SESSION_MS_MAX, ending);
}

/**
 * Ends every session of an owner, with its event. A sign-in or refresh at the same moment is before it, and ended, or
 * after it.
 * @returns how many there were
 */
export function endAllSessions(database: Database, ownerId: string, at: Date): Promise<number> {
  return withTransaction(database, async (session) => {
    const { deletedCount } = await database.ownerSessions.deleteMany({ ownerId }, { session });
    await recordAudit(
      database,
      {
        actor: { type: 'owner', id: ownerId },
        action: 'owner.signed_out_all',
        targetId: ownerId,
        metadata: { sessions_revoked: deletedCount },
        at,
      },
      session,
    );
    return deletedCount;
  });
}
