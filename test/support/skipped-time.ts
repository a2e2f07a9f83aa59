import type { Workflow } from '@temporalio/common';
import type { Client, WorkflowHandleWithStartDetails, WorkflowStartOptions } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { compiled } from '../../local/root';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { createActivityGuard } from '../../worker/activity-guard';
import { testServers } from './servers';
import { use } from './use';

const TASK_QUEUE = 'skipped-time';

/**
 * The time-skipping server: waits of hours take no time. Serial use only: its time is one for all flows, and one that a
 * test leaves open holds up the next.
 */
export interface SkippedTime {
  /** Runs `body` while a worker with these activities, guarded as in production, runs the real workflow bundle. */
  withWorker<T>(activities: object, body: () => Promise<T>): Promise<T>;
  start<W extends Workflow>(
    type: string,
    workflowId: string,
    args: Parameters<W>,
  ): Promise<WorkflowHandleWithStartDetails<W>>;
  /** Of the server; flows that `start` does not fit are started with it. */
  client: Client;
  /** Where the server is. */
  server: { address: string; namespace: string };
  /** Moves the server's time on by so many milliseconds. */
  skip(ms: number): Promise<void>;
  /** The server's time in milliseconds. */
  nowMs(): Promise<number>;
  close(): Promise<void>;
}

/** Such a server for the tests of the surrounding block. */
export function useSkippedTime(): SkippedTime {
  return use(openSkippedTime, (time) => time.close());
}

async function openSkippedTime(): Promise<SkippedTime> {
  const { timeSkippingBinary } = testServers();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: timeSkippingBinary } },
  });
  const guard = createActivityGuard({ log: createLogger('test', 'silent'), metrics: createMetrics() });
  return {
    withWorker: async (activities, body) => {
      const worker = await Worker.create({
        connection: environment.nativeConnection,
        taskQueue: TASK_QUEUE,
        workflowBundle: { codePath: compiled('worker/workflow-bundle') },
        activities,
        interceptors: { activity: [guard] },
      });
      return worker.runUntil(body);
    },
    start: <W extends Workflow>(type: string, workflowId: string, args: Parameters<W>) => {
      // The parse point of generic options: the client's own type cannot follow a workflow type that is a parameter.
      const options = { workflowId, taskQueue: TASK_QUEUE, args } as unknown as WorkflowStartOptions<W>;
      return environment.client.workflow.start<W>(type, options);
    },
    client: environment.client,
    server: { address: environment.address, namespace: 'default' },
    skip: (ms) => environment.sleep(ms),
    nowMs: () => environment.currentTimeMs(),
    close: () => environment.teardown(),
  };
}
