/** Wakes one waiter; a ring while nobody waits is kept for the next wait. */
export interface Bell {
  ring: () => void;
  /** Resolves with true when it rang, with false after `ms` or when the signal ended the waiting. */
  wait(ms: number): Promise<boolean>;
}

export function createBell(signal: AbortSignal): Bell {
  let hasRung = false;
  let wake: ((rang: boolean) => void) | null = null;
  return {
    ring: () => {
      if (wake === null) hasRung = true;
      else wake(true);
    },
    wait: (ms) => {
      if (hasRung || signal.aborted) {
        const rang = hasRung;
        hasRung = false;
        return Promise.resolve(rang);
      }
      return new Promise((resolve) => {
        const stop = (): void => wake?.(false);
        const timer = setTimeout(stop, ms);
        signal.addEventListener('abort', stop, { once: true });
        wake = (rang) => {
          wake = null;
          clearTimeout(timer);
          signal.removeEventListener('abort', stop);
          resolve(rang);
        };
      });
    },
  };
}
