import { AppError } from '../../contract/errors';
import { hashRefreshToken, type RefreshTokens } from '../../platform/refresh-tokens';
import type { AccessTokens } from '../../platform/access-tokens';
import { rotateToken } from '../../store/owners/owner-sessions';
import type { Database } from '../../store/schema/database';
import { isOutage } from '../../store/schema/outage';
import type { TokenPair } from '../http/owner-cookies';

/** How long a browser waits before it asks again for a refresh that could not be coordinated. */
const RETRY_MS = 1_000;

export interface SessionTokens {
  accessTokens: AccessTokens;
  refreshTokens: RefreshTokens;
}

/**
 * The pair that follows a refresh token; null for one that is not valid.
 *
 * Everybody who shows the same token within its grace gets the same pair, computed from the rotation that the session's
 * row tells of (`rotateToken`): the access token, too, as its time is that of the rotation and its signature has no chance
 * in it.
 * @throws AppError REFRESH_UNAVAILABLE
 */
export async function refreshSession(
  deps: SessionTokens & { database: Database },
  token: string,
): Promise<TokenPair | null> {
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
  return {
    access: issueAccessToken(deps, { ownerId, sessionId }, rotation.at, rotation.succession.keyId),
    refresh: next,
  };
}

/** An access token of a session, signed with one key. @throws AppError REFRESH_UNAVAILABLE when the key is not known */
export function issueAccessToken(
  deps: Pick<SessionTokens, 'accessTokens'>,
  claims: { ownerId: string; sessionId: string },
  at: Date,
  keyId: string,
): string {
  const token = deps.accessTokens.issue(claims, at, keyId);
  if (token === null) throw refreshUnavailable();
  return token;
}

const refreshUnavailable = (): AppError => new AppError('REFRESH_UNAVAILABLE', undefined, RETRY_MS);
