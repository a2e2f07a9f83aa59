import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { parseConfig } from '../platform/config';
import { readEnvironment } from '../platform/environment';
import { temporalConnectionOptions } from '../platform/temporal-connection';
import { TASK_QUEUES } from '../workflows/messages/task-queues';

/** A poll lasts a minute; a worker that was not seen for longer than that has stopped asking for work. */
const seenMsMax = 90_000;

/** Workflow and activity tasks, in Temporal's enumeration of task queue types. */
const taskQueueTypes = [1, 2] as const;

/**
 * The health check of a worker, which has no listener: asks Temporal whether a process of this host polls every task
 * queue. Exit code 0 when it does.
 */
async function checkHealth(): Promise<void> {
  const config = parseConfig(readEnvironment());
  const connection = await Connection.connect(temporalConnectionOptions(config));
  for (const queue of Object.values(TASK_QUEUES)) {
    for (const taskQueueType of taskQueueTypes) {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace: config.TEMPORAL_NAMESPACE,
        taskQueue: { name: queue },
        taskQueueType,
      });
      const mine = (pollers ?? []).filter((poller) => poller.identity?.endsWith(`@${hostname()}`) === true);
      const seenAt = Math.max(0, ...mine.map((poller) => Number(poller.lastAccessTime?.seconds ?? 0) * 1_000));
      if (Date.now() - seenAt > seenMsMax) throw new Error(`nobody on this host polls ${queue}`);
    }
  }
  await connection.close();
}

checkHealth().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
