/** By kind of work: each has workers of its own, so that no kind waits for another. */
export const TASK_QUEUES = {
  accounts: 'accounts',
  delivery: 'delivery',
  gateway: 'gateway',
  housekeeping: 'housekeeping',
} as const;
