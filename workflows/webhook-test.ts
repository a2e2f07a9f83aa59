import { proxyActivities } from '@temporalio/workflow';
import type { WebhookTestActivities } from '../activities/webhook-test';
import type { WebhookTestResult } from '../domain/webhook-samples';
import type { WebhookTestInput } from './messages/webhook-test';

/**
 * An exchange takes 12 s at most, and who asked for it waits: one that no worker takes within two seconds comes too late.
 * A test is one request, so it is never repeated, also when its worker died behind it.
 */
const { tryEndpoint } = proxyActivities<WebhookTestActivities>({
  scheduleToStartTimeout: '2 seconds',
  startToCloseTimeout: '13 seconds',
  retry: { maximumAttempts: 1 },
  summary: 'Send a sample event once',
});

/** Has a worker send one sample event, because all requests to strangers leave from workers. */
export async function webhookTest({ testId }: WebhookTestInput): Promise<WebhookTestResult> {
  return tryEndpoint({ testId });
}
