/**
 * groups.md G16: up to 6 attempts to tell a member, with these waits between them. Import-free, so that workflows can
 * use it.
 */
export const NOTICE_ATTEMPTS_MAX = 6;

const WAITS_MS = [5_000, 30_000, 120_000, 600_000, 1_800_000] as const;

/** Members must not all come back at the same moment. */
const SPREAD = 0.2;

/**
 * The wait after the failed attempt with this number (from 1), or null when it was the last.
 * @param random between 0 and 1
 */
export function noticeWaitMs(attempt: number, random: number): number | null {
  const waitMs = WAITS_MS[attempt - 1];
  return waitMs === undefined ? null : Math.round(waitMs * (1 - SPREAD + 2 * SPREAD * random));
}
