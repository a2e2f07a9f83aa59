import { AppError } from '../../contract/errors';
import type { AccessTokens } from '../../platform/access-tokens';
import type { Clock } from '../../platform/clock';
import type { Database } from '../../store/database';
import { findSignedIn } from '../../store/owner-sessions';
import { readCookie, SESSION_COOKIE } from '../owner-cookies';
import type { SignedInOwner } from '../route';
import type { ApiMiddleware } from '../state';

export interface OwnerSessionDeps {
  database: Database;
  accessTokens: AccessTokens;
  clock: Clock;
}

/** What a browser without a valid session is told; its cookies stay, so that it can refresh once. */
export function signedOut(): AppError {
  return new AppError('UNAUTHORIZED', undefined, undefined, 'Sign in to the dashboard');
}

/**
 * The owner of a `Cookie` header. Every request reads session and owner: a session that was ended is over at once on
 * every process, however long its access token would have lasted (dashboard.md D2).
 * @throws AppError UNAUTHORIZED, OWNER_NOT_FOUND
 */
export async function findSessionOwner(
  { database, accessTokens, clock }: OwnerSessionDeps,
  cookies: string | undefined,
): Promise<SignedInOwner> {
  const token = readCookie(cookies, SESSION_COOKIE);
  const claims = token === null ? null : accessTokens.check(token, clock.now());
  if (claims === null) throw signedOut();
  const { session, owner } = await findSignedIn(database, claims, clock.now());
  if (session === null) throw signedOut();
  if (owner === null) throw new AppError('OWNER_NOT_FOUND');
  const { _id: id, email, displayName, createdAt } = owner;
  return { id, email, displayName, createdAt, sessionId: session._id };
}

/** The session check of endpoints of owners. An API key counts for nothing here, as cookies do under `/v1`. */
export function ownerSession(deps: OwnerSessionDeps): ApiMiddleware {
  return async (ctx, next) => {
    ctx.state.owner = null;
    if (ctx.state.route?.endpoint.auth !== 'owner') return next();
    const startedMs = performance.now();
    try {
      ctx.state.owner = await findSessionOwner(deps, ctx.req.headers.cookie);
    } finally {
      ctx.state.authMs = performance.now() - startedMs;
    }
    await next();
  };
}
