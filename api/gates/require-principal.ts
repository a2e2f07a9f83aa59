import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import { hashApiKey } from '../../platform/ids';
import { findKey, noteKeyUsed } from '../../store/gateway/keys';
import { keyPrincipal, ownerPrincipal, type AccountPrincipal } from '../../store/gateway/principals';
import { bearerKey } from '../http/bearer-key';
import type { OwnOrigin } from '../http/own-origin';
import type { RateLimiter } from '../http/rate-limiter';
import type { SignedInOwner } from '../http/route';
import type { ApiMiddleware } from '../http/state';
import { pageSession } from './page-session';
import { findSessionOwner, type RequireOwnerDeps } from './require-owner';

/** How keys of the gateway begin. */
export const GATEWAY_KEY_PREFIX = 'gwk_';
/** Access tokens are JWTs, whose header begins so in base64. */
const JWT_BEGINNING = 'eyJ';

/**
 * Who calls the chat gateway: an owner with an access token, or an application with a key of one (gateway.md §2). Verified
 * before anything of the path is looked up. Any other key, an agent's too, counts for nothing here. The owners' page has its
 * access token in a cookie (`page-session.ts`).
 */
export function requirePrincipal(endpoint: Endpoint, deps: RequireOwnerDeps, ownOrigin: OwnOrigin): ApiMiddleware {
  return async (ctx, next) => {
    const token = bearerKey(ctx.get('authorization')) ?? pageSession(ctx, endpoint, ownOrigin);
    if (token === null) throw new AppError('UNAUTHORIZED', undefined, undefined, 'A bearer token is required');
    Object.assign(ctx.state, await findPrincipal(deps, token));
    await next();
  };
}

/** Whose token it is. @throws AppError UNAUTHORIZED, OWNER_NOT_FOUND, INVALID_API_KEY */
export async function findPrincipal(deps: RequireOwnerDeps, token: string): Promise<Caller> {
  if (token.startsWith(GATEWAY_KEY_PREFIX)) return findKeyHolder(deps, token);
  if (!token.startsWith(JWT_BEGINNING)) throw unknownKey();
  const owner = await findSessionOwner(deps, token);
  return { owner, principal: ownerPrincipal(owner) };
}

/** Who calls, and the account that it calls for. */
interface Caller {
  owner: SignedInOwner;
  principal: AccountPrincipal;
}

const unknownKey = (): AppError =>
  new AppError('INVALID_API_KEY', undefined, undefined, 'This key is not one of the chat gateway', 401);

/** A key is read on every request: one that was revoked is worth nothing from then on. */
async function findKeyHolder({ database, clock }: RequireOwnerDeps, token: string): Promise<Caller> {
  const found = await findKey(database, hashApiKey(token));
  if (found === null) throw unknownKey();
  const { _id: id, email, displayName, createdAt } = found.owner;
  const owner = { id, email, displayName, createdAt, sessionId: '' };
  // Told to its owner only, and by the minute: nothing waits for it.
  void noteKeyUsed(database, found.key, clock.now()).catch(() => undefined);
  return { owner, principal: keyPrincipal(found.key, owner) };
}

/** The windows of what is no turn of a single agent. */
const START_WINDOWS = { team: 'team_turns', voice: 'voice_starts' } as const;

/** Counts reads, and turns where one begins: after authentication, before the body (gateway.md §13). */
export function limitPrincipal(startsTurn: Endpoint['startsTurn'], limiter: RateLimiter): ApiMiddleware {
  const scope = startsTurn === undefined ? 'reads' : startsTurn === true ? 'turns' : START_WINDOWS[startsTurn];
  return async (ctx, next) => {
    const { principal } = ctx.state;
    if (principal !== undefined) await limiter.countGateway(scope, principal.key);
    await next();
  };
}
