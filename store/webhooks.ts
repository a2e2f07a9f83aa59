import type { Webhook } from './collections/webhooks';
import type { Database } from './database';
import { WEBHOOKS_MAX } from '../contract/limits';

/** The agent's webhooks, oldest first, also inactive ones. */
export function listWebhooks(database: Database, agentId: string): Promise<Webhook[]> {
  return database.webhooks
    .find({ agentId }, { sort: { createdAt: 1, _id: 1 }, limit: WEBHOOKS_MAX, maxTimeMS: 5_000 })
    .toArray();
}

/** The agent's webhook with this id; null also for one of somebody else. */
export function findWebhook(database: Database, agentId: string, id: string): Promise<Webhook | null> {
  return database.webhooks.findOne({ _id: id, agentId }, { maxTimeMS: 5_000 });
}
