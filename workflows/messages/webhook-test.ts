/** One flow for each test of an endpoint. */
export const webhookTestId = (testId: string): string => `webhook-test:${testId}`;

/** How long a test may take from the call to its end: who asked for it waits (webhooks.md §13, case 37). */
export const WEBHOOK_TEST_MS_MAX = 14_500;

/** Input of the flow of a test: what is sent where stands in the outbox, not here. */
export interface WebhookTestInput {
  /** `whd_…`: the delivery id of the one request. */
  testId: string;
}
