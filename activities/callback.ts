import { attemptCallback, type CallbackDeps, type CallbackResult } from '../delivery/callback';

/** The telling of a task's end (gateway.md §12.5). Inputs and results hold ids and times only. */
export function createCallbackActivities(deps: CallbackDeps) {
  return {
    /** One attempt. A second run of it may tell the receiver twice. */
    tellEnd: ({ executionId, attempt }: { executionId: string; attempt: number }): Promise<CallbackResult> =>
      attemptCallback(deps, executionId, attempt),
  };
}

export type CallbackActivities = ReturnType<typeof createCallbackActivities>;
