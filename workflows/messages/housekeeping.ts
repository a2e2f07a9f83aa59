/** What is swept by the clock; each has a schedule of this id, whose runs carry it with the time of their start. */
export const HOUSEKEEPING_TASKS = ['attachments', 'blobs', 'undelivered', 'retention', 'outbox'] as const;

export type HousekeepingTask = (typeof HOUSEKEEPING_TASKS)[number];

/** One schedule for each sweep. */
export const housekeepingScheduleId = (task: HousekeepingTask): string => `housekeeping:${task}`;

export interface HousekeepingInput {
  task: HousekeepingTask;
  /** Where the run before this one stopped. Ids and keys of objects only. */
  cursor?: string | null;
  changed?: number;
}

export interface HousekeepingResult {
  task: HousekeepingTask;
  changed: number;
}
