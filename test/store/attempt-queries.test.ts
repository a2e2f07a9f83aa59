import { explainQueries } from '../../bench/explain';
import { leaseDue, leaseFirst } from '../../store/webhooks/attempts/leases';
import { countDeadLetters, listDeadLetters } from '../../store/webhooks/attempts/dead-letters';
import { cancelWaiting, makeDue } from '../../store/webhooks/attempts/interventions';
import { recordLost } from '../../store/webhooks/attempts/lost';
import { findBehind, readFree, readHeads } from '../../store/webhooks/attempts/in-order';
import { leaseBatch } from '../../store/webhooks/attempts/lease-batch';
import { dueUnits, firstUnits, oldestWaiting, type Unit } from '../../store/webhooks/attempts/units';
import { countWaiting, earliestDue, nextFailing, nextWaiting } from '../../store/webhooks/attempts/waiting';
import type { Delivery } from '../../store/schema/collections/deliveries';
import { seedDeliveries, seedWebhook } from '../support/webhook-rig';
import { useDatabase } from '../support/database';

/** Deliveries of everybody stand in one collection: what scans it stops everybody's webhooks. */
describe('queries of webhook attempts', () => {
  const database = useDatabase({ isMonitored: true });
  let webhookId: string;
  let rows: Delivery[];

  beforeAll(async () => {
    const webhook = await seedWebhook(database, 'http://127.0.0.1:9/', { held: 'paused' });
    webhookId = webhook._id;
    rows = await seedDeliveries(database, webhook, 3, { conversationId: 'conv_queries' });
    await seedDeliveries(database, webhook, 3, { status: 'failed', attempts: 1, conversationId: 'conv_queries' });
  });

  const now = new Date();
  const ordered = () => ({ _id: webhookId, ordering: 'conversation' as const });
  const repeated: Unit = { ids: ['whd_1'], status: 'failed', order: '', batchId: 'whd_b' };
  const lease = () => ({ webhookId, count: 5, newToken: () => 'token', now });
  const queries: [string, string[], () => Promise<unknown>][] = [
    ['first attempts', ['pending_webhook_conversation', 'webhook_status_order'], () => leaseFirst(database, lease())],
    ['due attempts', ['failed_webhook_due'], () => leaseDue(database, lease())],
    ['from one waiting webhook to the next', ['pending_webhook_conversation'], () => nextWaiting(database, '')],
    ['from one failing webhook to the next', ['failed_webhook_due'], () => nextFailing(database, '')],
    ['the earliest due', ['failed_webhook_due'], () => earliestDue(database, webhookId)],
    [
      'what a probe is made with',
      ['pending_webhook_conversation', 'webhook_status_order', 'failed_webhook_due'],
      () => oldestWaiting(database, { _id: webhookId }, now),
    ],
    ['lost attempts', ['delivering_lease'], () => recordLost(database, now, 10)],
    [
      'heads of conversations',
      ['pending_webhook_conversation', 'conversation_status_order'],
      () => readHeads(database, webhookId, 10),
    ],
    [
      'what waits for nobody',
      ['pending_webhook_conversation', 'conversation_status_order'],
      () => readFree(database, webhookId),
    ],
    [
      'first attempts in order',
      ['pending_webhook_conversation', 'conversation_status_order'],
      () => firstUnits(database, { webhookId, count: 5 }, { ordering: 'conversation', batching: true }),
    ],
    [
      'due attempts in order',
      ['failed_webhook_due', 'conversation_status_order'],
      () => dueUnits(database, { webhookId, count: 5, now: new Date() }, { ordering: 'conversation' }),
    ],
    ['what waits behind another', ['conversation_status_order'], () => findBehind(database, ordered(), rows)],
    [
      'a batch that is repeated',
      ['batch'],
      () => leaseBatch(database, { unit: repeated, batchId: 'whd_b', $set: {}, now }),
    ],
    [
      'counts of what waits',
      ['pending_webhook_conversation', 'webhook_status_order', 'failed_webhook_due'],
      () => countWaiting(database, webhookId),
    ],
    ['dead letters', ['dead_at'], () => listDeadLetters(database, { limit: 10, now })],
    ['dead letters of an hour', ['dead_at'], () => countDeadLetters(database, now, 10)],
    ['what is made due', ['failed_webhook_due', 'webhook_status_order'], () => makeDue(database, webhookId, now)],
    [
      'what is cancelled',
      ['pending_webhook_conversation', 'failed_webhook_due', 'webhook_status_order'],
      () => cancelWaiting(database, 'whk_unknown', now),
    ],
  ];

  test.each(queries)('%s: one of %p', async (_, allowed, work) => {
    const explained = await explainQueries(database, work);
    const deliveries = explained.filter(({ collection }) => collection === 'deliveries');
    expect(deliveries.length).toBeGreaterThan(0);
    for (const one of deliveries) {
      expect({ one, scans: one.isCollectionScan }).toEqual({ one, scans: false });
      // Changes of single rows go by their id.
      for (const index of one.indexes) expect([...allowed, '_id_']).toContain(index);
    }
  });
});
