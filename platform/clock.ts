/** Reads the time; tests pass their own. */
export interface Clock {
  now(): Date;
}

/** The clock of the process. */
export const systemClock: Clock = { now: () => new Date() };
