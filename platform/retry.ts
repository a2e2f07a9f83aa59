import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryRules {
  /** Tries in all; the last failure is the outcome. Absent = for ever. */
  triesMax?: number;
  /** How long to wait after this many tries. Absent = not at all. */
  pauseMs?: (tries: number) => number;
  /** Whether another try can succeed. Absent = always. */
  isWorthIt?: (error: unknown) => boolean;
  /** Told of each failure that another try follows. */
  onFailure?: (error: unknown, tries: number) => void;
}

/** The outcome of the first try that succeeds, or of the last one. */
export async function retry<T>(attempt: () => Promise<T>, rules: RetryRules): Promise<T> {
  const { triesMax = Number.POSITIVE_INFINITY, pauseMs, isWorthIt = () => true, onFailure } = rules;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries >= triesMax || !isWorthIt(error)) throw error;
      onFailure?.(error, tries);
      if (pauseMs !== undefined) await sleep(pauseMs(tries));
    }
  }
}
