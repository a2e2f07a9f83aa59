import { inboxInId } from '../../domain/guards';
import type { WebhookEvent } from '../../contract/events';
import { newId } from '../../platform/ids';
import type { Webhook } from '../../store/schema/collections/webhooks';
import type { Database } from '../../store/schema/database';
import { createWebhook } from '../../store/webhooks/set-webhook';
import { createWebhookSecrets } from '../../store/webhooks/webhook-secrets';

/** Makes intents be written for an agent that has no webhook: they stay until a relay finds that nobody wants them. */
export async function countWebhook(database: Database, agentId: string, step: 1 | -1): Promise<void> {
  await database.guards.updateOne({ _id: inboxInId(agentId) }, { $inc: { webhooks: step, v: 1 } });
}

const secrets = createWebhookSecrets([{ id: 'test', key: Buffer.alloc(32, 7) }]);

/** A webhook made through the store: registration is tested elsewhere. */
export function addWebhook(
  database: Database,
  agentId: string,
  events: WebhookEvent[],
  url = 'http://127.0.0.1:9/hook',
): Promise<Webhook> {
  const id = newId('webhook');
  const secret = secrets.seal(id, 'ab'.repeat(32));
  return createWebhook(database, { id, agentId, url, events, secret, legacySignature: false, at: new Date() });
}
