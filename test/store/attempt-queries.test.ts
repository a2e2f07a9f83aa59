import { randomBytes } from 'node:crypto';
import { explainQueries } from '../../bench/explain';
import { claimDue, claimFirst } from '../../store/attempts/claims';
import { countDeadLetters, listDeadLetters } from '../../store/attempts/dead-letters';
import { cancelWaiting, makeDue } from '../../store/attempts/interventions';
import { recordLost } from '../../store/attempts/lost';
import { countWaiting, earliestDue, nextFailing, nextWaiting, oldestWaiting } from '../../store/attempts/waiting';
import { openDatabase, prepareDatabase, type Database } from '../../store/database';
import { testServers } from '../support/servers';
import { seedDeliveries, seedWebhook } from '../support/webhook-rig';

/** Deliveries of everybody stand in one collection: what scans it stops everybody's webhooks. */
describe('queries of webhook attempts', () => {
  let database: Database;
  let webhookId: string;

  beforeAll(async () => {
    const { mongoUri } = testServers();
    const uri = `${mongoUri}${mongoUri.includes('?') ? '&' : '?'}monitorCommands=true`;
    database = openDatabase({ uri, name: `test-${randomBytes(6).toString('hex')}` });
    await prepareDatabase(database);
    const webhook = await seedWebhook(database, 'http://127.0.0.1:9/', { held: 'paused' });
    webhookId = webhook._id;
    await seedDeliveries(database, webhook, 3);
    await seedDeliveries(database, webhook, 3, { status: 'failed', attempts: 1 });
  });
  afterAll(async () => {
    await database.db.dropDatabase();
    await database.client.close();
  });

  const now = new Date();
  const claim = () => ({ webhookId, count: 5, newToken: () => 'token', now });
  const queries: [string, string[], () => Promise<unknown>][] = [
    ['first attempts', ['pending_webhook', 'webhook_status_order'], () => claimFirst(database, claim())],
    ['due attempts', ['failed_webhook_due'], () => claimDue(database, claim())],
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
