import { within } from './deadline';

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

/**
 * At most `max` at once, first come, first served. For work that comes in floods and must not fill the pool.
 * @param waitingMsMax who waits longer gets a DatabaseTimeout, and nothing is done for it; absent = for ever
 */
export function createInTurn(max: number, waitingMsMax?: number): InTurn {
  const turns = createTurns(max);
  return async (work) => {
    const turn = new Promise<void>((resolve) => turns.take(resolve));
    try {
      await (waitingMsMax === undefined ? turn : within(waitingMsMax, turn));
    } catch (error) {
      void turn.then(turns.end);
      throw error;
    }
    return work().finally(turns.end);
  };
}

/** Runs a piece of work when nothing else runs for the same key; its outcome is the call's. */
export type InTurnOf = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Whoever waits longer is told so: what stands before it hangs, or is too much. Nothing was done for it. */
const WAITING_MS_MAX = 15_000;

/**
 * One piece of work per key at a time, first come, first served. For writers of one document: of fifty that write it at
 * once, each round lets one through and has the others try again, until the unlucky ones have used up their tries. In
 * turns, a writer competes with those of other processes only. The work must not wait for a turn of its own key.
 * @throws DatabaseTimeout when the turn does not come in time
 */
export function createInTurnOf(): InTurnOf {
  /** By key: resolves when the last that asked for a turn, and all before it, are through. */
  const tails = new Map<string, Promise<unknown>>();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = tails.get(key);
    const outcome = before === undefined ? work() : within(WAITING_MS_MAX, before).then(work);
    // One that gave up waiting is through no earlier than those before it: the ones behind it wait for these, too.
    const through = Promise.allSettled([before, outcome]).then(() => {
      if (tails.get(key) === through) tails.delete(key);
    });
    tails.set(key, through);
    return outcome;
  };
}
