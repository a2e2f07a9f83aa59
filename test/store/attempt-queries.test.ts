import { explainQueries } from '../../bench/explain';
import { leaseDue, leaseFirst } from '../../store/webhooks/attempts/leases';
import { countDeadLetters, listDeadLetters } from '../../store/webhooks/attempts/dead-letters';
import { cancelWaiting, makeDue } from '../../store/webhooks/attempts/interventions';
import { recordLost } from '../../store/webhooks/attempts/lost';
import {
  countWaiting,
  earliestDue,
  nextFailing,
  nextWaiting,
  oldestWaiting,
} from '../../store/webhooks/attempts/waiting';
import { seedDeliveries, seedWebhook } from '../support/webhook-rig';
import { useDatabase } from '../support/database';

/** Deliveries of everybody stand in one collection: what scans it stops everybody's webhooks. */
describe('queries of webhook attempts', () => {
  const database = useDatabase({ isMonitored: true });
  let webhookId: string;

  beforeAll(async () => {
    const webhook = await seedWebhook(database, 'http://127.0.0.1:9/', { held: 'paused' });
    webhookId = webhook._id;
    await seedDeliveries(database, webhook, 3);
    await seedDeliveries(database, webhook, 3, { status: 'failed', attempts: 1 });
  });

  const now = new Date();
  const lease = () => ({ webhookId, count: 5, newToken: () => 'token', now });
  const queries: [string, string[], () => Promise<unknown>][] = [
    ['first attempts', ['pending_webhook', 'webhook_status_order'], () => leaseFirst(database, lease())],
    ['due attempts', ['failed_webhook_due'], () => leaseDue(database, lease())],
    ['from one waiting webhook to the next', ['pending_webhook'], () => nextWaiting(database, '')],
    ['from one failing webhook to the next', ['failed_webhook_due'], () => nextFailing(database, '')],
    ['the earliest due', ['failed_webhook_due'], () => earliestDue(database, webhookId)],
    [
      'what a probe is made with',
      ['pending_webhook', 'webhook_status_order', 'failed_webhook_due'],
      () => oldestWaiting(database, webhookId, now),
    ],
    ['lost attempts', ['delivering_lease'], () => recordLost(database, now, 10)],
    [
      'counts of what waits',
      ['pending_webhook', 'webhook_status_order', 'failed_webhook_due'],
      () => countWaiting(database, webhookId),
    ],
    ['dead letters', ['dead_at'], () => listDeadLetters(database, { limit: 10, now })],
    ['dead letters of an hour', ['dead_at'], () => countDeadLetters(database, now, 10)],
    ['what is made due', ['failed_webhook_due', 'webhook_status_order'], () => makeDue(database, webhookId, now)],
    [
      'what is cancelled',
      ['pending_webhook', 'failed_webhook_due', 'webhook_status_order'],
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
