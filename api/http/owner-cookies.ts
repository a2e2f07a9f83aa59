import { ACCESS_TOKEN_SECONDS, REFRESH_TOKEN_SECONDS } from '../../contract/limits';

/** The cookies of the dashboard (dashboard.md §3.1); always set and cleared together. */
export const SESSION_COOKIE = 'ac_dashboard_session';
export const REFRESH_COOKIE = 'ac_dashboard_refresh';

/** The two tokens of a signed-in browser. */
export interface TokenPair {
  access: string;
  refresh: string;
}

/**
 * Makes `Set-Cookie` values, with the attributes of dashboard.md §3.1: `ctx.cookies.set` knows no `Max-Age`.
 * @param publicBaseUrl over https cookies are `Secure`
 */
export function createOwnerCookies(publicBaseUrl: string) {
  const attributes = `Path=/; HttpOnly; SameSite=Lax${publicBaseUrl.startsWith('https://') ? '; Secure' : ''}`;
  const cookie = (name: string, value: string, seconds: number): string =>
    `${name}=${value}; Max-Age=${seconds}; ${attributes}`;
  return {
    set: ({ access, refresh }: TokenPair): string[] => [
      cookie(SESSION_COOKIE, access, ACCESS_TOKEN_SECONDS),
      cookie(REFRESH_COOKIE, refresh, REFRESH_TOKEN_SECONDS),
    ],
    clear: (): string[] => [cookie(SESSION_COOKIE, '', 0), cookie(REFRESH_COOKIE, '', 0)],
  };
}

export type OwnerCookies = ReturnType<typeof createOwnerCookies>;
