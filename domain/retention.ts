import { RETENTION_MONTHS } from '../contract/limits';

/** Until when a message of `createdAt` is kept (messaging.md §15). */
export function retainedUntil(createdAt: Date): Date {
  const until = new Date(createdAt);
  until.setUTCMonth(until.getUTCMonth() + RETENTION_MONTHS);
  return until;
}

/** Messages created before this are due for removal at `now`. */
export function retentionCutoff(now: Date): Date {
  const cutoff = new Date(now);
  cutoff.setUTCMonth(cutoff.getUTCMonth() - RETENTION_MONTHS);
  return cutoff;
}
