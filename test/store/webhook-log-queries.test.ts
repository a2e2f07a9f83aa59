import { explainQueries } from '../../bench/explain';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { findInboxIn } from '../../store/inbox/inbox';
import { lastOf, readLogged } from '../../store/webhooks/log/event-log';
import { readBacklog } from '../../store/webhooks/log/backlog';
import { findDelivery, listDeliveries } from '../../store/webhooks/log/delivery-log';
import { countMissing } from '../../store/webhooks/recovery/request-recovery';
import { readOwed } from '../../store/webhooks/recovery/owed';
import { readHappenings, startOf } from '../../store/webhooks/recovery/read-happenings';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { seedDeliveries, seedWebhook } from '../support/webhook-rig';

/** Deliveries of everybody and 30 days stand in one collection: a page of one webhook must cost a page. */
describe('queries of the delivery log', () => {
  const database = useDatabase({ isMonitored: true });
  let webhook: Webhook;

  beforeAll(async () => {
    const { agent } = await createTestAgent(database);
    webhook = await seedWebhook(database, 'http://127.0.0.1:9/', { agentId: agent._id, held: 'paused' });
    const other = await seedWebhook(database, 'http://127.0.0.1:9/');
    for (const status of ['pending', 'failed', 'delivered', 'dead', 'cancelled'] as const) {
      for (const one of [webhook, other]) await seedDeliveries(database, one, 40, { status });
    }
  });

  const now = new Date();
  const time = () => ({ since: new Date(now.getTime() - 3_600_000), until: new Date(now.getTime() + 3_600_000) });
  const start = { at: new Date(0), order: '', id: '' };
  const owed = (status: 'dead' | 'failed' | null) =>
    readOwed(database, webhook._id, { scope: { ...time(), status }, after: start, limit: 10, now });
  const list = (query: object) => listDeliveries(database, webhook._id, { limit: 10, now, ...query });
  const before = { at: new Date(now.getTime() + 60_000), order: 'g', id: 'whd_z' };
  const queries: [string, string, () => Promise<unknown>, number?][] = [
    ['a page', 'webhook_event_created_order', () => list({}), 20],
    ['a later page', 'webhook_event_created_order', () => list({ before }), 20],
    ['a page of one event', 'webhook_event_created_order', () => list({ event: 'message.new', before }), 20],
    ['what was given up', 'webhook_ended_created_order', () => list({ status: 'dead', before, ...time() }), 20],
    ['what was cancelled', 'webhook_ended_created_order', () => list({ status: 'cancelled' }), 20],
    ['what waits', 'webhook_status_order', () => list({ status: 'pending' }), 41],
    ['one delivery', '_id_', () => findDelivery(database, { webhookId: webhook._id, id: 'whd_none', now })],
    ['what is sent again', 'webhook_ended_created_order', () => owed(null)],
    ['what is given up and sent again', 'webhook_ended_created_order', () => owed('dead'), 20],
    ['what waits and is sent again', 'webhook_status_order', () => owed('failed'), 41],
    [
      'logged events',
      'webhook_event_created_order',
      () => readLogged(database, webhook._id, { after: start, limit: 10, now }),
      20,
    ],
  ];

  test.each(queries)('%s: %s', async (_, index, work, examinedMax = 120) => {
    const all = await explainQueries(database, work);
    const explained = all.filter(({ collection }) => collection === 'deliveries');
    expect(explained.length).toBeGreaterThan(0);
    for (const one of explained) {
      expect({ one, scans: one.isCollectionScan }).toEqual({ one, scans: false });
      expect(one.indexes).toContain(index);
      expect({ one, isBounded: one.docsExamined <= examinedMax }).toEqual({ one, isBounded: true });
    }
  });

  test('the backlog of an endpoint is counted by indexes, and looks at no more rows than it counts', async () => {
    const all = await explainQueries(database, () => readBacklog(database, webhook._id));
    expect(all).toHaveLength(4);
    expect(all.flatMap(({ indexes }) => indexes)).toEqual(
      expect.arrayContaining(['webhook_ended_created_order', 'failed_webhook_due']),
    );
    for (const one of all) {
      expect({ one, isBounded: !one.isCollectionScan && one.docsExamined <= 41 }).toEqual({ one, isBounded: true });
    }
  });

  test('what was never made is found by positions of the inbox and ids of deliveries', async () => {
    const rows = await seedDeliveries(database, webhook, 1, { replayedAsId: 'whd_next' });
    const all = await explainQueries(database, async () => {
      await countMissing(database, webhook, { ...time(), status: null }, now);
      const inbox = await findInboxIn(database, webhook.agentId);
      const cursor = await startOf(database, webhook.agentId, inbox, time());
      const readLog = () => owed(null);
      await readHappenings(database, webhook, { cursor, time: time(), inbox, wantedMax: 10, readLog });
      await lastOf(database, rows);
    });
    expect(all.filter(({ isCollectionScan }) => isCollectionScan)).toEqual([]);
    const used = new Set(all.flatMap(({ collection, indexes }) => indexes.map((name) => `${collection}.${name}`)));
    for (const name of ['deliveries.webhook_ended_created_order', 'deliveries._id_', 'envelopes._id_']) {
      expect(used).toContain(name);
    }
  });
});
