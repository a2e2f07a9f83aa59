import {
  bootstrap,
  getOwner,
  refreshSession,
  requestCode,
  signOut,
  signOutEverywhere,
  verifyCode,
} from '../../contract/endpoints-dashboard';
import { toEnvelope } from '../../contract/errors';
import { codeRequestSchema } from '../../contract/owners';
import { verifySchema } from '../../contract/registration';
import { listClaimed } from '../../store/claims';
import type { Database } from '../../store/database';
import { signedOut } from '../middleware/owner-session';
import { createOwnerCookies, readCookie, REFRESH_COOKIE, type OwnerCookies } from '../owner-cookies';
import type { OwnerSignIn } from '../owner-sign-in';
import { presentClaimed, presentOwner } from '../presenters/owner';
import { ownerRoute, publicRoute, type Reply, type RequestContext, type Route } from '../route';

export interface DashboardAuthDeps {
  database: Database;
  signIn: OwnerSignIn;
  publicBaseUrl: string;
}

/** Owners come in, stay and go: dashboard.md §3.4. */
export function dashboardAuthRoutes(deps: DashboardAuthDeps): Route[] {
  const cookies = createOwnerCookies(deps.publicBaseUrl);
  return [...signInRoutes(deps, cookies), ...sessionRoutes(deps, cookies), ...ownerRoutes(deps)];
}

function signInRoutes({ signIn }: DashboardAuthDeps, cookies: OwnerCookies): Route[] {
  return [
    publicRoute(requestCode, async (ctx) => {
      const { email } = ctx.validate(codeRequestSchema, await ctx.readBody());
      const pendingId = await signIn.start(email);
      return {
        status: 200,
        body: { pending_id: pendingId, message: 'A sign-in code was sent. It is valid for 10 minutes.' },
      };
    }),
    publicRoute(verifyCode, async (ctx) => {
      const body = ctx.validate(verifySchema, await ctx.readBody());
      const { owner, pair } = await signIn.verify(body.pending_id, body.code);
      return { status: 200, body: { owner: presentOwner(owner) }, cookies: cookies.set(pair) };
    }),
  ];
}

function sessionRoutes({ signIn }: DashboardAuthDeps, cookies: OwnerCookies): Route[] {
  return [
    publicRoute(refreshSession, async (ctx) => {
      const token = refreshTokenOf(ctx);
      if (token === null) throw signedOut();
      const pair = await signIn.refresh(token);
      if (pair === null) return { status: 401, body: toEnvelope(signedOut()), cookies: cookies.clear() };
      return { status: 200, body: { message: 'The session was refreshed' }, cookies: cookies.set(pair) };
    }),
    publicRoute(signOut, async (ctx): Promise<Reply> => {
      const token = refreshTokenOf(ctx);
      // Never fails: whoever leaves a browser must not stay signed in there because the database is out of reach.
      if (token !== null) {
        await signIn
          .signOut(token)
          .catch((error: unknown) => ctx.log.error({ event: 'session.not_ended', err: error }));
      }
      return { status: 200, body: { message: 'Signed out' }, cookies: cookies.clear() };
    }),
    ownerRoute(signOutEverywhere, async ({ owner }) => {
      const revoked = await signIn.signOutEverywhere(owner.id);
      const body = { message: 'Signed out on all devices', sessions_revoked: revoked };
      return { status: 200, body, cookies: cookies.clear() };
    }),
  ];
}

function ownerRoutes({ database, publicBaseUrl }: DashboardAuthDeps): Route[] {
  return [
    ownerRoute(getOwner, ({ owner }) => Promise.resolve({ status: 200, body: presentOwner(owner) })),
    ownerRoute(bootstrap, async ({ owner }) => {
      const claimed = await listClaimed(database, owner.id);
      const agents = claimed.map((one) => presentClaimed(one, publicBaseUrl));
      return { status: 200, body: { owner: presentOwner(owner), agents } };
    }),
  ];
}

const refreshTokenOf = (ctx: RequestContext): string | null => readCookie(ctx.header('cookie'), REFRESH_COOKIE);
