/** Something that is done again and again. */
export interface Repeating {
  /** There may be something to do: not only when the time is up. */
  wake(): void;
  /** Lets the step in progress end; none begins after it. */
  stop(): Promise<void>;
}

/**
 * Does `step` until it is stopped, one at a time: at once while there is more to do or somebody woke it meanwhile, else
 * after `everyMs` or the next wake.
 * @param step returns whether another one would find something now; must not throw
 */
export function repeat(step: () => Promise<boolean>, everyMs: number): Repeating {
  let isStopped = false;
  let isAsked = false;
  let goOn: () => void = () => undefined;
  const wake = (): void => {
    isAsked = true;
    goOn();
  };
  const loop = async (): Promise<void> => {
    while (!isStopped) {
      isAsked = false;
      if ((await step()) || isAsked || isStopped) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, everyMs);
        goOn = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const running = loop();
  return {
    wake,
    stop: () => {
      isStopped = true;
      wake();
      return running;
    },
  };
}
