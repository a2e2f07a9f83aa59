import type { ClientSession } from 'mongodb';
import { isOperationalEvent } from '../../../contract/events';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { findListening, tellListening } from '../intents/announce-operational';

/**
 * Has other webhooks of the owner told which of these deliveries were given up (webhooks.md §11.8), in the commit that
 * gives them up. A result that came too late changed nothing: the row decides, and it becomes dead once. Deliveries that
 * tell of webhooks are left out, or two that fail would tell each other for ever.
 */
export async function announceExhausted(
  database: Database,
  webhook: Pick<Webhook, '_id' | 'agentId'>,
  deliveryIds: string[],
  session: ClientSession,
): Promise<void> {
  if (deliveryIds.length === 0) return;
  // Once for all of them: a batch that is given up is up to a hundred.
  const listening = await findListening(database, webhook, 'webhook.delivery.exhausted', session);
  if (listening === null) return;
  const dead = await database.deliveries
    .find(
      { _id: { $in: deliveryIds }, status: 'dead' },
      {
        projection: { event: 1, eventId: 1, attempts: 1, lastStatus: 1, lastError: 1, deadAt: 1 },
        limit: deliveryIds.length,
        session,
      },
    )
    .toArray();
  for (const { _id: deliveryId, event, eventId, attempts, lastStatus, lastError, deadAt } of dead) {
    if (isOperationalEvent(event) || deadAt === null) continue;
    const facts = {
      event: 'webhook.delivery.exhausted' as const,
      deliveryId,
      delivered: { event, eventId },
      attempts,
      lastStatus,
      lastError,
    };
    await tellListening(database, listening, { webhook, facts, key: deliveryId, at: deadAt }, session);
  }
}
