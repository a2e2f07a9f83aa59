import { ApplicationFailure } from '@temporalio/activity';
import type { AttemptDeps } from '../delivery/attempt';
import { tryEndpoint } from '../delivery/try-endpoint';
import type { WebhookTestResult } from '../domain/webhook-samples';
import { takeTest } from '../store/webhooks/webhook-tests';
import type { WebhookTestInput } from '../workflows/messages/webhook-test';

/** The side effect of the flow of a test. Its result holds a status and short texts only. */
export function createWebhookTestActivities({ attempts }: { attempts: AttemptDeps }) {
  return {
    /**
     * Takes the test and sends its event. A second run finds it taken and sends nothing: whoever asked hears that nobody
     * knows how it ended.
     */
    tryEndpoint: async ({ testId }: WebhookTestInput): Promise<WebhookTestResult> => {
      const test = await takeTest(attempts.database, testId).catch((error: unknown) => {
        attempts.log.warn({ event: 'webhook.test_failed', testId, err: error });
        return null;
      });
      if (test === null) throw ApplicationFailure.nonRetryable('there is no such test', 'NOT_FOUND');
      return tryEndpoint(attempts, test, new Date());
    },
  };
}

export type WebhookTestActivities = ReturnType<typeof createWebhookTestActivities>;
