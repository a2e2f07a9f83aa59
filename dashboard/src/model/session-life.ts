/** An access token lives this long (dashboard.md §3.1). */
export const ACCESS_LIFE_MS = 3_600_000;
/** With less than this left the session is renewed. */
export const RENEW_LEFT_MS = 900_000;

/**
 * In how many milliseconds the session has to be renewed, 0 = now. The cookies cannot be read by scripts, so the page goes
 * by the time at which it last got them; when that is unknown, the server's next answer tells.
 */
export function renewInMs(renewedAtMs: number | null, nowMs: number): number | null {
  if (renewedAtMs === null) return null;
  // A clock that was set back must not put the renewal off for longer than a token lives.
  const ageMs = Math.max(0, nowMs - renewedAtMs);
  return Math.max(0, ACCESS_LIFE_MS - RENEW_LEFT_MS - ageMs);
}
