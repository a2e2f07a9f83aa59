/** What one bounded step of a sweep did, and from where the next one goes on; null: nothing is left. */
export interface Step {
  cursor: string | null;
  changed: number;
}

export interface StepInput {
  /** Where the step before this one stopped; null starts over. */
  cursor: string | null;
  now: Date;
}

const DAY_MS = 86_400_000;

export function daysBefore(now: Date, days: number): Date {
  return new Date(now.getTime() - days * DAY_MS);
}
