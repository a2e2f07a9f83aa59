import { randomUUID } from 'node:crypto';
import type { PING_EVENT, WebhookEvent } from '../../contract/events';
import type { WebhookTestResult } from '../../domain/webhook-samples';
import type { WebhookTestFlows } from '../../platform/flows/webhook-test';
import type { Database } from '../../store/schema/database';
import { webhookDeliveryId } from '../../store/schema/webhook-ids';
import { dropTest, saveTest, type TestedEndpoint } from '../../store/webhooks/webhook-tests';

export interface TryDeps {
  database: Database;
  flows: WebhookTestFlows;
}

/** What is sent where. */
export interface EndpointTest {
  endpoint: TestedEndpoint;
  event: WebhookEvent | typeof PING_EVENT;
  /** Of the agent that asked for it. */
  handle: string;
  at: Date;
}

/**
 * Has a worker send one sample event to an endpoint, and waits for the outcome (webhooks.md §11.4). An api that dies
 * meanwhile leaves a row that a relay removes; the request may have been sent.
 * @throws AppError SERVICE_UNAVAILABLE when nobody knows how it ended
 */
export async function tryWebhook(
  { database, flows }: TryDeps,
  { endpoint, event, handle, at }: EndpointTest,
): Promise<WebhookTestResult> {
  const _id = webhookDeliveryId(`test|${randomUUID()}`, endpoint._id);
  await saveTest(database, { _id, endpoint, event, handle, createdAt: at });
  try {
    return await flows.tryEndpoint(_id, handle);
  } finally {
    await dropTest(database, _id);
  }
}
