import { TASK_ATTEMPT_MS_MIN, TASK_RETRY_MS, TASK_RETRY_MS_MAX } from '../contract/limits';

/** Tries of tasks: gateway.md §9.2. */

/** Within so long of its hand-over the agent must have taken a try. */
export const acceptMsOf = ({ timeoutMs, max }: { timeoutMs: number; max: number }): number =>
  Math.max(TASK_ATTEMPT_MS_MIN, Math.floor(timeoutMs / max));

/** The pause behind the try with this number, from 1. */
export const retryPauseMs = (attempt: number): number =>
  Math.min(TASK_RETRY_MS_MAX, TASK_RETRY_MS * 2 ** (attempt - 1));
