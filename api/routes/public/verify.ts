import { createHash } from 'node:crypto';
import { confirmVisitorCode, requestVisitorCode } from '../../../contract/endpoints-public';
import { AppError, isAppError } from '../../../contract/errors';
import { PENDING_LIFETIME_MS } from '../../../contract/limits';
import { visitorCodeSchema, visitorProofSchema } from '../../../contract/public-chat';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import type { GatewayDeps } from '../gateway/gateway-deps';
import { requireOpenLink } from './visitors';

/** Visitors of links that ask for an address prove it with a mailed code: gateway.md §6.2. */
export function visitorProofRoutes(deps: GatewayDeps): Route[] {
  return [
    publicRoute(requestVisitorCode, (ctx) => request(ctx, deps)),
    publicRoute(confirmVisitorCode, (ctx) => confirm(ctx, deps)),
  ];
}

async function request(ctx: RequestContext, deps: GatewayDeps): Promise<Reply> {
  const { token, email } = ctx.validate(visitorCodeSchema, await ctx.readBody());
  const { link } = await requireOpenLink(deps, token, ctx.now);
  if (!link.requireEmail) {
    throw new AppError('VALIDATION_ERROR', undefined, undefined, 'This link asks for no address');
  }
  await deps.limiter.countPublic('codes', createHash('sha256').update(email).digest('base64url'));
  await deps.commands.visits.request(link._id, email);
  return {
    status: 200,
    body: {
      message: 'A code was sent if mail can reach this address',
      expires_in_seconds: PENDING_LIFETIME_MS / 1_000,
    },
  };
}

async function confirm(ctx: RequestContext, deps: GatewayDeps): Promise<Reply> {
  const { token, email, code } = ctx.validate(visitorProofSchema, await ctx.readBody());
  const { link } = await requireOpenLink(deps, token, ctx.now);
  const { sessionToken, expiresAt } = await deps.commands.visits
    .confirm(link._id, email, code)
    .catch((error: unknown) => {
      // Whether somebody has asked for a code with this address is nobody else's business.
      throw isAppError(error) && error.code === 'EXPIRED' ? new AppError('INVALID_CODE') : error;
    });
  return {
    status: 200,
    headers: { 'Cache-Control': 'no-store' },
    body: { verified: true, session_token: sessionToken, expires_at: expiresAt.toISOString() },
  };
}
