import { logout, refreshBearer, requestEmailCode, verifyEmailCode } from '../../../contract/endpoints-gateway';
import { AppError, isAppError } from '../../../contract/errors';
import { emailVerifySchema, refreshBodySchema } from '../../../contract/gateway-sign-in';
import { ACCESS_TOKEN_SECONDS, PENDING_LIFETIME_MS } from '../../../contract/limits';
import { codeRequestSchema } from '../../../contract/owners';
import { findOwnerOfRefreshToken } from '../../../store/owners/owner-sessions';
import { hashRefreshToken } from '../../../platform/refresh-tokens';
import type { TokenPair } from '../../http/owner-cookies';
import { bearerKey } from '../../http/bearer-key';
import { gatewayRoute, publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';
import type { GatewayDeps } from './gateway-deps';

/** Users of the gateway sign in as owners do, with tokens instead of cookies: gateway.md §2. */
export function gatewaySignInRoutes({ database, commands }: GatewayDeps): Route[] {
  return [
    publicRoute(requestEmailCode, async (ctx) => {
      const { email } = ctx.validate(codeRequestSchema, await ctx.readBody());
      await commands.signIn.start(email, shownBy(ctx));
      return {
        status: 200,
        body: { message: 'A code was sent if mail can reach this address', expires_in_seconds: PENDING_SECONDS },
      };
    }),
    publicRoute(verifyEmailCode, async (ctx) => {
      const { email, code } = ctx.validate(emailVerifySchema, await ctx.readBody());
      const { owner, pair } = await commands.signIn.verifyEmail(email, code, shownBy(ctx)).catch((error: unknown) => {
        throw isWrongCode(error) ? wrongCode() : error;
      });
      return tokens(pair, { id: owner._id, email: owner.email });
    }),
    publicRoute(refreshBearer, async (ctx) => {
      const { refresh_token: token } = ctx.validate(refreshBodySchema, await ctx.readBody());
      const owner = await findOwnerOfRefreshToken(database, hashRefreshToken(token));
      const pair = owner === null ? null : await commands.refreshSession(token);
      if (pair === null || owner === null) throw new AppError('UNAUTHORIZED', undefined, undefined, 'Sign in again');
      return tokens(pair, owner);
    }),
    gatewayRoute(logout, async ({ owner, principal }) => {
      if (principal.kind === 'key') throw new AppError('FORBIDDEN');
      await commands.signOutSession(owner.id, owner.sessionId);
      return { status: 200, body: { status: 'ok' } };
    }),
  ];
}

/** A caller that holds a session may show it; any other header counts for nothing. */
const shownBy = (ctx: RequestContext) => ({ accessToken: bearerKey(ctx.header('authorization')) });

const PENDING_SECONDS = PENDING_LIFETIME_MS / 1_000;

const isWrongCode = (error: unknown): boolean =>
  isAppError(error) && (error.code === 'INVALID_CODE' || error.code === 'EXPIRED');

const wrongCode = (): AppError => new AppError('UNAUTHORIZED', undefined, undefined, 'The code is not correct');

const tokens = ({ access, refresh }: TokenPair, user: { id: string; email: string }): Reply => ({
  status: 200,
  headers: { 'Cache-Control': 'no-store' },
  body: {
    access_token: access,
    token_type: 'bearer',
    expires_in: ACCESS_TOKEN_SECONDS,
    refresh_token: refresh,
    user: { id: user.id, email: user.email },
  },
});
