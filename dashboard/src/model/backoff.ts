const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** How long to wait before the next attempt after this many failed in a row: 1, 2, 4 … 30 s. */
export function retryDelayMs(failures: number): number {
  return Math.min(FIRST_MS * 2 ** Math.max(0, failures - 1), LONGEST_MS);
}
