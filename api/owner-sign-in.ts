import { AppError } from '../contract/errors';
import type { Orders } from '../platform/bus';
import { newId } from '../platform/ids';
import { createAccessTokens, type AccessTokens } from '../platform/access-tokens';
import { createRefreshTokens, hashRefreshToken, type RefreshTokens } from '../platform/refresh-tokens';
import type { Owner, OwnerSession } from '../store/collections/owners';
import { isOutage } from '../store/outage';
import { endAllSessions, endSession, rotateToken } from '../store/owner-sessions';
import { deletePending, findPending, insertPending, recordCommitted } from '../store/pendings';
import { signIn } from '../store/transactions/sign-in';
import { commitVerified, newPending, proveCode, type CodeCheckDeps } from './code-checks';
import { closeDashboards } from './end-watch';
import type { TokenPair } from './owner-cookies';

/** How long a browser waits before it asks again for a refresh that could not be coordinated. */
const RETRY_MS = 1_000;

/** How owners come in and go (dashboard.md §3.4); where a sign-in stands between its two calls is the flow's. */
export interface OwnerSignIn {
  /** Mails a code. @returns the pending id @throws AppError OTP_*, SERVICE_UNAVAILABLE */
  start(email: string): Promise<string>;
  /** @throws AppError EXPIRED, OTP_ATTEMPTS_EXHAUSTED, INVALID_CODE, SERVICE_UNAVAILABLE */
  verify(pendingId: string, code: string): Promise<{ owner: Owner; pair: TokenPair }>;
  /** The pair that follows a refresh token; null for one that is not valid. @throws AppError REFRESH_UNAVAILABLE */
  refresh(token: string): Promise<TokenPair | null>;
  /** Ends the session of a refresh token, and its dashboards on every node. @returns it, or null where there was none */
  signOut(token: string): Promise<OwnerSession | null>;
  /** Ends all sessions of an owner, and their dashboards on every node. @returns how many */
  signOutEverywhere(ownerId: string): Promise<number>;
}

export function createOwnerSignIn(base: CodeCheckDeps & { orders: Orders }): OwnerSignIn {
  const accessTokens = createAccessTokens(base.secretKeys);
  const deps = { ...base, accessTokens, refreshTokens: createRefreshTokens(base.secretKeys) };
  return {
    start: (email) => start(deps, email),
    verify: (pendingId, code) => verify(deps, pendingId, code),
    refresh: (token) => refresh(deps, token),
    signOut: async (token) => {
      const ended = await endSession(deps.database, hashRefreshToken(token));
      if (ended !== null) await closeDashboards(base, { ownerId: ended.ownerId, sessionId: ended._id });
      return ended;
    },
    signOutEverywhere: async (ownerId) => {
      const count = await endAllSessions(deps.database, ownerId, deps.clock.now());
      await closeDashboards(base, { ownerId, sessionId: null });
      return count;
    },
  };
}

type Deps = CodeCheckDeps & { accessTokens: AccessTokens; refreshTokens: RefreshTokens };

/** As a registration: the row first, then the flow; a refusal removes the row, a crash lets it expire. */
async function start(deps: Deps, email: string): Promise<string> {
  const pending = newPending(deps, { _id: newId('ownerPending'), purpose: 'sign_in', email });
  await insertPending(deps.database, pending);
  try {
    await deps.flows.mailCode('sign-in', pending._id, null);
  } catch (error) {
    await deletePending(deps.database, pending._id).catch(() => undefined);
    throw error;
  }
  return pending._id;
}

/** The flow rules on the code; this process then makes owner and session in its own transaction, as a registration does. */
async function verify(deps: Deps, pendingId: string, code: string): Promise<{ owner: Owner; pair: TokenPair }> {
  const pending = await findPending(deps.database, pendingId, 'sign_in');
  if (pending === null) throw new AppError('EXPIRED');
  await proveCode(deps, 'sign-in', pending, code);
  const refreshToken = deps.refreshTokens.first();
  const at = deps.clock.now();
  const input = {
    email: pending.email,
    sessionId: newId('ownerSession'),
    tokenHash: hashRefreshToken(refreshToken),
    at,
  };
  return commitVerified(deps, 'sign-in', pendingId, async (done) => {
    const owner = await signIn(deps.database, input, ({ _id: ownerId }, session) =>
      recordCommitted(deps.database, { ...done, commit: { ownerId }, at }, session),
    );
    const access = issue(deps, { ownerId: owner._id, sessionId: input.sessionId }, at, deps.accessTokens.keyId);
    return { commit: { ownerId: owner._id }, owner, pair: { access, refresh: refreshToken } };
  });
}

/**
 * Everybody who shows the same token within its grace gets the same pair, computed from the rotation that the session's
 * row tells of (`rotateToken`): the access token, too, as its time is that of the rotation and its signature has no chance
 * in it.
 */
async function refresh(deps: Deps, token: string): Promise<TokenPair | null> {
  const succession = deps.refreshTokens.newSuccession();
  const successor = deps.refreshTokens.successorOf(token, succession) ?? '';
  const shown = { hash: hashRefreshToken(token), successorHash: hashRefreshToken(successor), succession };
  const rotation = await rotateToken(deps.database, shown).catch((error: unknown) => {
    throw isOutage(error) ? refreshUnavailable() : error;
  });
  if (rotation === null) return null;
  const next = deps.refreshTokens.successorOf(token, rotation.succession);
  // Another process rotated with a key that this one does not have yet: SECRET_KEYS are being changed.
  if (next === null) throw refreshUnavailable();
  const { _id: sessionId, ownerId } = rotation.session;
  return { access: issue(deps, { ownerId, sessionId }, rotation.at, rotation.succession.keyId), refresh: next };
}

function issue(deps: Deps, claims: { ownerId: string; sessionId: string }, at: Date, keyId: string): string {
  const token = deps.accessTokens.issue(claims, at, keyId);
  if (token === null) throw refreshUnavailable();
  return token;
}

const refreshUnavailable = (): AppError => new AppError('REFRESH_UNAVAILABLE', undefined, RETRY_MS);
