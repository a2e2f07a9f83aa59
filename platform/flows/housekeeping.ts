import {
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
  type ScheduleUpdateOptions,
} from '@temporalio/client';
import {
  HOUSEKEEPING_TASKS,
  housekeepingScheduleId,
  type HousekeepingTask,
} from '../../workflows/messages/housekeeping';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import type { FlowClient } from './flow-client';

/** How often each sweep runs. Their promises are in days; attachments and intents are many, so they go more often. */
const EVERY: Record<HousekeepingTask, '1 hour' | '1 day'> = {
  attachments: '1 hour',
  blobs: '1 day',
  undelivered: '1 day',
  retention: '1 day',
  outbox: '1 hour',
};

/** The client's side of what runs by the clock. */
export interface ScheduleFlows {
  /** Creates the schedules, or brings them up to date. An operator's pause of one stays. May run at any number of starts. */
  ensureSchedules(): Promise<void>;
}

export function createScheduleFlows({ client }: FlowClient): ScheduleFlows {
  return {
    ensureSchedules: async () => {
      for (const task of HOUSEKEEPING_TASKS) {
        const options = scheduleOf(task);
        await client.schedule.create(options).catch(async (error: unknown) => {
          if (!(error instanceof ScheduleAlreadyRunning)) throw error;
          await client.schedule.getHandle(options.scheduleId).update(({ state }) => ({ ...options, state }));
        });
      }
    },
  };
}

/** One run at a time: a sweep that takes longer than its interval is not overtaken. */
function scheduleOf(task: HousekeepingTask): ScheduleOptions & ScheduleUpdateOptions {
  const scheduleId = housekeepingScheduleId(task);
  return {
    scheduleId,
    spec: { intervals: [{ every: EVERY[task] }], jitter: '5 minutes' },
    action: {
      type: 'startWorkflow',
      workflowType: 'housekeeping',
      workflowId: scheduleId,
      taskQueue: TASK_QUEUES.housekeeping,
      args: [{ task }],
      staticSummary: `Housekeeping: ${task}`,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
    state: {},
  };
}
