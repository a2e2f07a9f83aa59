/** Something that is done again and again. */
export interface Repeating {
  /** There may be something to do: not only when the time is up. */
  wake(): void;
  /** Lets the step in progress end; none begins after it. */
  stop(): Promise<void>;
}

export interface Pace {
  everyMs: number;
  /** The first step comes after `everyMs` too, not at once. */
  isLater?: boolean;
  /** `everyMs` counts from the start of the last step, not from its end: for what must not come late. */
  isFromStart?: boolean;
}

/**
 * Does `step` until it is stopped, one at a time: at once while there is more to do or somebody woke it meanwhile, else
 * after `everyMs` or the next wake.
 * @param step returns true when another one would find something now; must not throw
 */
export function repeat(step: () => Promise<unknown>, { everyMs, isLater, isFromStart }: Pace): Repeating {
  let isStopped = false;
  let isAsked = false;
  let goOn: () => void = () => undefined;
  const wake = (): void => {
    isAsked = true;
    goOn();
  };
  const untilDue = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      goOn = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const loop = async (): Promise<void> => {
    if (isLater === true) await untilDue(everyMs);
    while (!isStopped) {
      isAsked = false;
      const startedMs = performance.now();
      if ((await step()) === true || isAsked || isStopped) continue;
      await untilDue(isFromStart === true ? everyMs - (performance.now() - startedMs) : everyMs);
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
