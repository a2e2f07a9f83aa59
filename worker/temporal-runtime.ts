import { Runtime, type LogMetadata } from '@temporalio/worker';
import type { Logger } from '../platform/logger';

/** What lines of Temporal may say of a flow. Nothing else of them is kept: inputs and results are not for logs. */
const KEPT = [
  'sdkComponent',
  'target',
  'namespace',
  'taskQueue',
  'state',
  'workflowType',
  'workflowId',
  'runId',
  'activityType',
  'activityId',
  'attempt',
  'durationMs',
] as const;

/**
 * Temporal's own lines go into our log, also those of its native part, and its figures to `metricsAddress` (null: nowhere).
 * Signals are ours to handle. Call it once, before the first worker.
 */
export function installRuntime(log: Logger, metricsAddress: string | null): void {
  const line =
    (level: 'debug' | 'warn' | 'error', event: string) =>
    (message: string, meta: LogMetadata = {}): void =>
      log[level]({ event, message, ...fieldsOf(meta) });
  Runtime.install({
    logger: {
      log: (level, message, meta) => line('debug', 'temporal')(`${level}: ${message}`, meta),
      trace: () => undefined,
      debug: () => undefined,
      info: line('debug', 'temporal'),
      warn: line('warn', 'temporal.warning'),
      error: line('error', 'temporal.error'),
    },
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      ...(metricsAddress === null ? {} : { metrics: metricsAt(metricsAddress) }),
    },
    shutdownSignals: [],
  });
}

const metricsAt = (bindAddress: string) => ({
  prometheus: { bindAddress, countersTotalSuffix: true, useSecondsForDurations: true },
  attachServiceName: false,
});

/** The fields that are kept; an activity's failure has been masked before Temporal logs it. */
export function fieldsOf(meta: LogMetadata): Record<string, unknown> {
  const kept = Object.fromEntries(KEPT.filter((name) => meta[name] !== undefined).map((name) => [name, meta[name]]));
  const runId: unknown = meta.workflowRunId;
  const error: unknown = meta.error;
  return { ...kept, ...(runId === undefined ? {} : { runId }), ...(error === undefined ? {} : { err: error }) };
}
