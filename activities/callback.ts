import { ApplicationFailure } from '@temporalio/activity';
import { attemptCallback, type CallbackDeps, type CallbackResult } from '../delivery/callback';

/** The telling of a task's end (gateway.md §12.5). Inputs and results hold ids and times only. */
export function createCallbackActivities(deps: CallbackDeps) {
  return {
    /** One attempt. A second run of it may tell the receiver twice. */
    tellEnd: async ({ executionId, attempt }: { executionId: string; attempt: number }): Promise<CallbackResult> => {
      try {
        return await attemptCallback(deps, executionId, attempt);
      } catch (error) {
        // Errors can quote a URL or a document: the history gets a fixed text, the log of this process the error.
        deps.log.warn({ event: 'callback.not_attempted', executionId, err: error });
        throw ApplicationFailure.retryable('the callback could not be attempted', 'SERVICE_UNAVAILABLE');
      }
    },
  };
}

export type CallbackActivities = ReturnType<typeof createCallbackActivities>;
