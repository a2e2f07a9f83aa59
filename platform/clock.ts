/** Reads the time; tests pass their own. */
export interface Clock {
  now(): Date;
}

/** The clock of the process. */
export const systemClock: Clock = { now: () => new Date() };

/** What another clock showed at some moment between two of our own, all in milliseconds since the epoch. */
export interface ClockReading {
  shownMs: number;
  sentMs: number;
  receivedMs: number;
}

/** A clock that many processes share: theirs, corrected by what one common clock showed. */
export interface SharedClock extends Clock {
  /**
   * Corrects the clock by the least that makes it agree with the reading. One that agrees already stays as it is, so the
   * way of a reading, however long, moves nothing.
   */
  correct(reading: ClockReading): void;
}

/** @param own the clock that is corrected */
export function createSharedClock(own: Clock = systemClock): SharedClock {
  let aheadMs = 0;
  return {
    now: () => new Date(own.now().getTime() + aheadMs),
    correct: ({ shownMs, sentMs, receivedMs }) => {
      aheadMs = Math.min(Math.max(aheadMs, shownMs - receivedMs), shownMs - sentMs);
    },
  };
}
