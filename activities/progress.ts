import { cancellationSignal, heartbeat } from '@temporalio/activity';

/**
 * Between two steps of a long activity: tells Temporal that it goes on (`details`: from where another try would), and ends it
 * there when its flow was cancelled or its worker leaves. What was done stays done, another try does the rest.
 * @throws CancelledFailure
 */
export function proveProgress(details?: unknown): void {
  heartbeat(details);
  cancellationSignal().throwIfAborted();
}
