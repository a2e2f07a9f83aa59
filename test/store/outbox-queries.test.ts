import { explainQueries } from '../../bench/explain';
import { countFailedRows, listFailedRows, noteRowFailure, retryRowNow } from '../../store/outbox/failed-rows';
import { findRows } from '../../store/outbox/rows';
import type { OutboxRow } from '../../store/schema/collections/outbox';
import { withTransaction } from '../../store/schema/database';
import { requestFlow, requestRetry } from '../../store/webhooks/attempts/retry-requests';
import { announceOperational } from '../../store/webhooks/intents/announce-operational';
import { loadIntents } from '../../store/webhooks/intents/load-intents';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { addWebhook } from '../support/webhooks';

/** Every relay of every worker asks these each second; rows that fail must not make them slow. */
describe('queries of the outbox', () => {
  const database = useDatabase({ isMonitored: true });
  const now = new Date();
  const row: OutboxRow = { _id: 'obx_1', kind: 'contacts.visibility', targetId: 'agt_1', createdAt: now };

  async function indexesOf(work: () => Promise<unknown>): Promise<string[]> {
    const explained = await explainQueries(database, work);
    expect(explained.length).toBeGreaterThan(0);
    for (const one of explained) expect({ one, scans: one.isCollectionScan }).toEqual({ one, scans: false });
    return explained.flatMap(({ collection, indexes }) => indexes.map((name) => `${collection}.${name}`));
  }

  test('rows are found by their kind in their order, those that failed by when they began to', async () => {
    await database.outbox.insertOne(row);
    const later = new Date(now.getTime() + 60_000);
    expect(await indexesOf(() => findRows(database, 'contacts.visibility', later))).toEqual(['outbox.kind_created']);
    expect(new Set(await indexesOf(() => loadIntents(database, 10, now)))).toEqual(new Set(['outbox.kind_created']));
    await indexesOf(() => noteRowFailure(database, row, { error: 'Error', now: later }));
    const after = { since: new Date(0), id: 'obx_0' };
    for (const work of [
      () => listFailedRows(database, { limit: 10, now: later }),
      () => listFailedRows(database, { after, limit: 10, now: later }),
      () => countFailedRows(database, later),
    ]) {
      expect(new Set(await indexesOf(work))).toEqual(new Set(['outbox.failed_since']));
    }
    expect((await findRows(database, 'contacts.visibility', later)).length).toBe(0);
    await indexesOf(() => retryRowNow(database, row._id, later));
  });

  test('what webhooks are told of each other, and what their flows are, goes by ids and by the agent', async () => {
    const { agent } = await createTestAgent(database);
    const webhook = await addWebhook(database, agent._id, ['message.new']);
    await addWebhook(database, agent._id, ['webhook.endpoint.disabled']);
    const facts = { event: 'webhook.endpoint.disabled', reason: 'gone' } as const;
    const used = await indexesOf(() =>
      withTransaction(database, (session) =>
        announceOperational(database, { webhook, facts, key: 'one', at: now }, session),
      ),
    );
    expect(used).toContain('webhooks.agent_created');
    await indexesOf(async () => {
      await requestFlow(database, webhook._id, now);
      await requestRetry(database, webhook._id, now);
    });
  });
});
