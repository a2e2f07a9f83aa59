import type { Clock } from '../../platform/clock';
import { hashRefreshToken } from '../../platform/refresh-tokens';
import type { Owner } from '../../store/schema/collections/owners';
import type { Database } from '../../store/schema/database';
import { findOwnerOfSession, findSignedIn } from '../../store/owners/owner-sessions';
import type { SessionTokens } from './refresh-session';

/** What a device shows of a session that it may hold: the dashboard's refresh token, or an access token. */
export interface ShownSession {
  refreshToken?: string | null;
  accessToken?: string | null;
}

/**
 * True when the device holds a live session of the owner with this address: then its codes use up nothing that anybody
 * else can use up (identity.md §5). Says nothing about other addresses: for them every device is unknown.
 */
export async function isKnownDevice(
  deps: Pick<SessionTokens, 'accessTokens'> & { database: Database; clock: Clock },
  email: string,
  shown: ShownSession,
): Promise<boolean> {
  const owner = await ownerOf(deps, shown);
  return owner !== null && owner.email === email;
}

async function ownerOf(
  { database, accessTokens, clock }: Parameters<typeof isKnownDevice>[0],
  { refreshToken = null, accessToken = null }: ShownSession,
): Promise<Pick<Owner, 'email'> | null> {
  const now = clock.now();
  if (refreshToken !== null) return findOwnerOfSession(database, hashRefreshToken(refreshToken), now);
  const claims = accessToken === null ? null : accessTokens.check(accessToken, now);
  if (claims === null) return null;
  const { session, owner } = await findSignedIn(database, claims, now);
  return session === null ? null : owner;
}
