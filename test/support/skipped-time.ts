import type { Workflow } from '@temporalio/common';
import type { WorkflowHandleWithStartDetails, WorkflowStartOptions } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { compiled } from '../../local/root';
import { testServers } from './servers';

const TASK_QUEUE = 'skipped-time';

/**
 * The time-skipping server: waits of hours take no time. Serial use only: its time is one for all flows, and one that a
 * test leaves open holds up the next.
 */
export interface SkippedTime {
  environment: TestWorkflowEnvironment;
  /** Runs `body` while a worker with these activities runs the real workflow bundle. */
  withWorker<T>(activities: object, body: () => Promise<T>): Promise<T>;
  start<W extends Workflow>(
    type: string,
    workflowId: string,
    args: Parameters<W>,
  ): Promise<WorkflowHandleWithStartDetails<W>>;
  /** The server's time in milliseconds. */
  nowMs(): Promise<number>;
  close(): Promise<void>;
}

export async function openSkippedTime(): Promise<SkippedTime> {
  const { timeSkippingBinary } = testServers();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: timeSkippingBinary } },
  });
  return {
    environment,
    withWorker: async (activities, body) => {
      const worker = await Worker.create({
        connection: environment.nativeConnection,
        taskQueue: TASK_QUEUE,
        workflowBundle: { codePath: compiled('worker/workflow-bundle') },
        activities,
      });
      return worker.runUntil(body);
    },
    start: <W extends Workflow>(type: string, workflowId: string, args: Parameters<W>) => {
      // The parse point of generic options: the client's own type cannot follow a workflow type that is a parameter.
      const options = { workflowId, taskQueue: TASK_QUEUE, args } as unknown as WorkflowStartOptions<W>;
      return environment.client.workflow.start<W>(type, options);
    },
    nowMs: () => environment.currentTimeMs(),
    close: () => environment.teardown(),
  };
}

/** Something that whoever waits for `isOpen` has to wait for until `open` is called. */
export function createGate(): { isOpen: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const isOpen = new Promise<void>((resolve) => (open = resolve));
  return { isOpen, open: () => open() };
}
