import {
  bootstrap,
  getOwner,
  refreshSession,
  requestCode,
  signOut,
  signOutEverywhere,
  verifyCode,
} from '../../../contract/endpoints-dashboard';
import { toEnvelope } from '../../../contract/errors';
import { codeRequestSchema } from '../../../contract/owners';
import { verifySchema } from '../../../contract/registration';
import { listClaimed } from '../../../store/accounts/claims';
import type { Database } from '../../../store/schema/database';
import { signedOut } from '../../http/refusals';
import { createOwnerCookies, REFRESH_COOKIE, type OwnerCookies } from '../../http/owner-cookies';
import type { Commands } from '../../commands/commands';
import { presentClaimed, presentOwner } from '../../../presenters/owner';
import { ownerRoute, publicRoute, type Reply, type Route } from '../../http/route';

export interface DashboardAuthDeps {
  database: Database;
  commands: Commands;
  publicBaseUrl: string;
}

/** Owners come in, stay and go: dashboard.md §3.4. */
export function dashboardAuthRoutes(deps: DashboardAuthDeps): Route[] {
  const cookies = createOwnerCookies(deps.publicBaseUrl);
  return [...signInRoutes(deps, cookies), ...sessionRoutes(deps, cookies), ...ownerRoutes(deps)];
}

function signInRoutes({ commands }: DashboardAuthDeps, cookies: OwnerCookies): Route[] {
  return [
    publicRoute(requestCode, async (ctx) => {
      const { email } = ctx.validate(codeRequestSchema, await ctx.readBody());
      const pendingId = await commands.signIn.start(email, { refreshToken: ctx.cookie(REFRESH_COOKIE) });
      return {
        status: 200,
        body: { pending_id: pendingId, message: 'A sign-in code was sent. It is valid for 10 minutes.' },
      };
    }),
    publicRoute(verifyCode, async (ctx) => {
      const body = ctx.validate(verifySchema, await ctx.readBody());
      const { owner, pair } = await commands.signIn.verify(body.pending_id, body.code);
      return { status: 200, body: { owner: presentOwner(owner) }, cookies: cookies.set(pair) };
    }),
  ];
}

function sessionRoutes({ commands }: DashboardAuthDeps, cookies: OwnerCookies): Route[] {
  return [
    publicRoute(refreshSession, async (ctx) => {
      const token = ctx.cookie(REFRESH_COOKIE);
      if (token === null) throw signedOut();
      const pair = await commands.refreshSession(token);
      if (pair === null) return { status: 401, body: toEnvelope(signedOut()), cookies: cookies.clear() };
      return { status: 200, body: { message: 'The session was refreshed' }, cookies: cookies.set(pair) };
    }),
    publicRoute(signOut, async (ctx): Promise<Reply> => {
      const token = ctx.cookie(REFRESH_COOKIE);
      // Never fails: whoever leaves a browser must not stay signed in there because the database is out of reach.
      if (token !== null) {
        await commands
          .signOut(token)
          .catch((error: unknown) => ctx.log.error({ event: 'session.not_ended', err: error }));
      }
      return { status: 200, body: { message: 'Signed out' }, cookies: cookies.clear() };
    }),
    ownerRoute(signOutEverywhere, async ({ owner }) => {
      const revoked = await commands.signOutEverywhere(owner.id);
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
