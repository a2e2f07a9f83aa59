import { AppError } from '../../contract/errors';
import type { AccessTokens } from '../../platform/access-tokens';
import type { Clock } from '../../platform/clock';
import type { Database } from '../../store/schema/database';
import { findSignedIn } from '../../store/owners/owner-sessions';
import { SESSION_COOKIE } from '../http/owner-cookies';
import { signedOut } from '../http/refusals';
import type { SignedInOwner } from '../http/route';
import type { ApiMiddleware } from '../http/state';

export interface RequireOwnerDeps {
  database: Database;
  accessTokens: AccessTokens;
  clock: Clock;
}

/** The session check of endpoints of owners. An API key counts for nothing here, as cookies do under `/v1`. */
export function requireOwner(deps: RequireOwnerDeps): ApiMiddleware {
  return async (ctx, next) => {
    const startedMs = performance.now();
    try {
      ctx.state.owner = await findSessionOwner(deps, ctx.cookies.get(SESSION_COOKIE));
    } finally {
      ctx.state.authMs = performance.now() - startedMs;
    }
    await next();
  };
}

/**
 * The owner whose access token it is. Every request reads session and owner: a session that was ended is over at once on
 * every process, however long its access token would have lasted (dashboard.md D2).
 * @throws AppError UNAUTHORIZED, OWNER_NOT_FOUND
 */
export async function findSessionOwner(
  { database, accessTokens, clock }: RequireOwnerDeps,
  token: string | undefined,
): Promise<SignedInOwner> {
  const claims = token === undefined ? null : accessTokens.check(token, clock.now());
  if (claims === null) throw signedOut();
  const { session, owner } = await findSignedIn(database, claims, clock.now());
  if (session === null) throw signedOut();
  if (owner === null) throw new AppError('OWNER_NOT_FOUND');
  const { _id: id, email, displayName, createdAt } = owner;
  return { id, email, displayName, createdAt, sessionId: session._id };
}
