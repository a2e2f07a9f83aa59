import { ApplicationFailure } from '@temporalio/activity';
import type { Logger } from '../platform/logger';

/**
 * Runs an activity of a turn. Driver errors can quote documents: the history gets a fixed text, the log of this process the
 * error.
 */
export function createGuarded(log: Logger) {
  return async <T>(executionId: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      log.warn({ event: 'turn.activity_failed', executionId, err: error });
      throw ApplicationFailure.retryable('the database is out of reach', 'SERVICE_UNAVAILABLE');
    }
  };
}
