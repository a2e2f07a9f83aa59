import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { maskFailure } from '../activities/failures';
import type { Logger } from '../platform/logger';
import type { Metrics } from '../platform/metrics';

/** Failures of one activity in a row after which an operator has to look. */
const ALARM_AFTER = 5;

/**
 * Stands around every activity of every flow: what one throws is logged with its flow, counted, and masked before it goes
 * into a history. What nobody foresaw, and what fails again and again, is logged as an error.
 */
export function createActivityGuard(deps: {
  log: Logger;
  metrics: Pick<Metrics, 'activityFailures'>;
}): ActivityInterceptorsFactory {
  const { log, metrics } = deps;
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        try {
          return await next(input);
        } catch (error) {
          const { kind, failure } = maskFailure(error);
          const { activityType: activity, attempt, workflowType, workflowExecution } = info;
          metrics.activityFailures.inc({ activity, kind });
          const level = kind === 'unexpected' || attempt >= ALARM_AFTER ? 'error' : 'warn';
          log[kind === 'called_off' ? 'info' : level]({
            event: 'activity.failed',
            activity,
            attempt,
            kind,
            workflowType,
            workflowId: workflowExecution?.workflowId,
            runId: workflowExecution?.runId,
            err: error,
          });
          throw failure;
        }
      },
    },
  });
}
