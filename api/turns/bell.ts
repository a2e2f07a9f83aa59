/** Wakes one waiter; a ring while nobody waits is kept for the next wait. */
export interface Bell {
  ring: () => void;
  /** Resolves with true when it rang, with false after `ms` or when one of the signals ended the waiting. */
  wait(ms: number): Promise<boolean>;
}

export function createBell(signals: AbortSignal[]): Bell {
  let hasRung = false;
  let wake: ((rang: boolean) => void) | null = null;
  return {
    ring: () => {
      if (wake === null) hasRung = true;
      else wake(true);
    },
    wait: (ms) => {
      if (hasRung || signals.some(({ aborted }) => aborted)) {
        const rang = hasRung;
        hasRung = false;
        return Promise.resolve(rang);
      }
      return new Promise((resolve) => {
        const stop = (): void => wake?.(false);
        const timer = setTimeout(stop, ms);
        for (const signal of signals) signal.addEventListener('abort', stop);
        wake = (rang) => {
          wake = null;
          clearTimeout(timer);
          for (const signal of signals) signal.removeEventListener('abort', stop);
          resolve(rang);
        };
      });
    },
  };
}
