/**
 * Lets at most `max` pieces of work run at once and starts the others as turns become free. For batching readers: what
 * is asked for while all turns are taken gathers in one batch, so the busier the process, the fewer its queries. (With
 * a query per tick, authentication took as much of the processor as the sends themselves.)
 */
export function createTurns(max: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    /** Runs `start` when a turn is free, at the earliest after the events that were read together with this one. */
    take(start: () => void): void {
      if (running >= max) return void waiting.push(start);
      running += 1;
      setImmediate(start);
    },
    /** Every started piece of work calls this once at its end. */
    end(): void {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else setImmediate(next);
    },
  };
}

/** Runs a piece of work when it is its turn; its outcome is the call's. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** At most `max` at once, first come, first served. For work that comes in floods and must not fill the pool. */
export function createInTurn(max: number): InTurn {
  const turns = createTurns(max);
  return (work) =>
    new Promise((resolve, reject) => turns.take(() => void work().then(resolve, reject).finally(turns.end)));
}
