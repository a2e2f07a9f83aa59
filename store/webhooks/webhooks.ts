import type { ClientSession } from 'mongodb';
import type { Webhook } from '../schema/collections/webhooks';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { WEBHOOKS_MAX } from '../../contract/webhook-limits';

/** The agent's webhooks, oldest first, also inactive ones. */
export function listWebhooks(database: Database, agentId: string): Promise<Webhook[]> {
  return database.webhooks
    .find({ agentId }, { sort: { createdAt: 1, _id: 1 }, limit: WEBHOOKS_MAX, ...READ })
    .toArray();
}

/** Those that events are sent to, oldest first, as this transaction sees them: all but inactive ones. */
export function listWebhooksInForce(database: Database, agentId: string, session: ClientSession): Promise<Webhook[]> {
  return database.webhooks
    .find({ agentId, active: true }, { sort: { createdAt: 1, _id: 1 }, limit: WEBHOOKS_MAX, session })
    .toArray();
}

/** The agent's webhook with this id; null also for one of somebody else. */
export function findWebhook(database: Database, agentId: string, id: string): Promise<Webhook | null> {
  return database.webhooks.findOne({ _id: id, agentId }, READ);
}

/** The webhook with this id, whoever's it is. */
export function loadWebhook(database: Database, id: string): Promise<Webhook | null> {
  return database.webhooks.findOne({ _id: id }, READ);
}
