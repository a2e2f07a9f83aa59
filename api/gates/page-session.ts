import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import { isFromOwnOrigin, type OwnOrigin } from '../http/own-origin';
import { SESSION_COOKIE } from '../http/owner-cookies';
import type { ApiContext } from '../http/state';

/** With this header the owners' page says that it calls as whoever is signed in to it. */
const PAGE_HEADER = 'x-agentchat-page';
const PAGE_NAME = 'owners';

/**
 * The access token of the owners' page, which it has in a cookie that no script can read. The cookie counts under `/api` only
 * while nothing else says who calls, and only with the page's header. A page of another origin cannot send that header
 * together with cookies: the browser asks first, and the gateway's CORS never allows credentials. So no read or change can be
 * made for an owner by a link, a form or a picture elsewhere, whatever the browser tells of origins; what it does tell is
 * checked as under `/dashboard`.
 * @returns null without both
 * @throws AppError FORBIDDEN from another origin
 */
export function pageSession(ctx: ApiContext, { path }: Endpoint, { publicBaseUrl }: OwnOrigin): string | null {
  if (!path.startsWith('/api/') || ctx.get('authorization') !== '' || ctx.get(PAGE_HEADER) !== PAGE_NAME) return null;
  if (!isFromOwnOrigin(ctx.req.headers, { publicBaseUrl })) throw new AppError('FORBIDDEN');
  // Shared caches keep no answer to a bearer token by themselves; to a cookie they might.
  ctx.set('Cache-Control', 'no-store');
  // Only the statement of a signed-in browser: a key in a cookie is none.
  const token = ctx.cookies.get(SESSION_COOKIE);
  return token === undefined || !token.startsWith('eyJ') ? null : token;
}
