import { explainQueries, type Explained } from '../../bench/explain';
import { relayDeletedWebhooks } from '../../delivery/deleted-webhooks-relay';
import { relayWebhookTests } from '../../delivery/webhook-tests-relay';
import { cancelGroupDeliveries, dropWebhooks, removeUnsent } from '../../store/webhooks/deliveries';
import { createAgentReader } from '../../store/agents/agents';
import { findInboxIn, readReleased } from '../../store/inbox/inbox';
import { findReleaseRequest, findReleasing, lookAtRelease } from '../../store/webhooks/releases';
import { announcePresence } from '../../store/webhooks/intents/announce-presence';
import { setPause } from '../../store/accounts/set-pause';
import { addContact } from '../../store/contacts/relations';
import { withTransaction } from '../../store/schema/database';
import {
  revokePreviousKeyPair,
  revokePreviousSecret,
  rotateKeyPair,
  rotateSecret,
} from '../../store/webhooks/rotate-secret';
import { updateWebhook } from '../../store/webhooks/update-webhook';
import { dropTest, saveTest, takeTest } from '../../store/webhooks/webhook-tests';
import { listWebhooks, listWebhooksInForce } from '../../store/webhooks/webhooks';
import { createTestAgent, type TestAgent } from '../support/agents';
import { intentWorker } from '../support/intents';
import { rowDeps } from '../support/relays';
import { addWebhook } from '../support/webhooks';
import { useDatabase } from '../support/database';

/** Deliveries and intents of everybody stand in one collection each: what scans them stops everybody's webhooks. */
describe('queries of webhooks', () => {
  const database = useDatabase({ isMonitored: true });
  let watcher: TestAgent;
  let subject: TestAgent;

  beforeAll(async () => {
    [watcher, subject] = [await createTestAgent(database), await createTestAgent(database)];
    await addContact(database, { from: watcher.agent._id, to: subject.agent._id, at: new Date() });
    await addWebhook(database, watcher.agent._id, ['presence.update', 'contact.blocked', 'message.new']);
  });

  const indexed = ['webhooks', 'deliveries', 'outbox'];
  async function indexesOf(work: () => Promise<unknown>): Promise<Set<string>> {
    const explained = (await explainQueries(database, work)).filter(({ collection }) => indexed.includes(collection));
    expect(explained.length).toBeGreaterThan(0);
    for (const one of explained) expect({ one, scans: one.isCollectionScan }).toEqual({ one, scans: false });
    return new Set(
      explained.flatMap(({ collection, indexes }: Explained) => indexes.map((name) => `${collection}.${name}`)),
    );
  }

  test('intents, releases and presence are found by their kind, subject and agent', async () => {
    const agentId = watcher.agent._id;
    const news = {
      subject: { _id: subject.agent._id, handle: subject.agent.handle },
      presence: { status: 'busy' as const, customMessage: null },
      version: 3,
      at: new Date(),
    };
    const announced = await indexesOf(() => announcePresence(database, news));
    expect(announced).toContain('webhooks.agent_created');
    const expanded = await indexesOf(() => intentWorker(database).expandAll());
    for (const name of ['outbox.kind_created', 'webhooks.agent_created', 'deliveries.webhook_subject_version']) {
      expect(expanded).toContain(name);
    }
    expect(await database.deliveries.countDocuments({ agentId })).toBe(1);
    const paused = await indexesOf(() => setPause(database, agentId, 'full', new Date()));
    expect(paused).toContain('webhooks.agent_created');
    await setPause(database, agentId, 'none', new Date());
  });

  test('releases are found by their inbox, and what they hold by its position', async () => {
    const agentId = watcher.agent._id;
    const all = await explainQueries(database, async () => {
      await findReleasing(database, new Date(), 100);
      await findReleaseRequest(database, agentId);
      await lookAtRelease(database, agentId);
      const inbox = await findInboxIn(database, agentId);
      const agent = { _id: agentId, inboxSalt: inbox?.salt ?? '' };
      const page = { after: 0, upTo: 100, limit: 100, includeMuted: false, writtenOff: undefined };
      const owed = { ...page, since: new Date(), syncedUpTo: 0 };
      await readReleased(database, createAgentReader(database), agent, owed);
    });
    expect(all.filter(({ isCollectionScan }) => isCollectionScan)).toEqual([]);
    const used = all.flatMap(({ collection, indexes }) => indexes.map((name) => `${collection}.${name}`));
    for (const name of ['guards.releasing_at', 'connections.agent_node', 'envelopes._id_'])
      expect(used).toContain(name);
  });

  test('changes, rotations and tests of a webhook go by its id, tests that were left by their kind', async () => {
    const agentId = watcher.agent._id;
    const [webhook] = await listWebhooks(database, agentId);
    if (webhook === undefined) throw new Error('no webhook');
    const { _id: id, secret } = webhook;
    const [own, at] = [{ agentId, id }, new Date()];
    const used = await indexesOf(async () => {
      await updateWebhook(database, { ...own, changes: { active: false, description: 'x' }, at });
      await updateWebhook(database, { ...own, changes: { active: true, rateLimit: 5 }, at });
      for (let made = 0; made < 2; made += 1) {
        await rotateSecret(database, { ...own, secret, overlapMs: 1_000, force: false, at });
      }
      await revokePreviousSecret(database, { ...own, at });
      const keyPair = { publicKey: 'any', privateKey: secret };
      await updateWebhook(database, { ...own, changes: { keyPair }, at });
      await rotateKeyPair(database, { ...own, keyPair, overlapMs: 1_000, force: false, at });
      await rotateKeyPair(database, { ...own, keyPair, overlapMs: 1_000, force: false, at });
      await revokePreviousKeyPair(database, { ...own, at });
      await saveTest(database, { _id: 'whd_query', endpoint: webhook, event: 'ping', handle: 'a', createdAt: at });
      await takeTest(database, 'whd_query');
      await dropTest(database, 'whd_query');
      await relayWebhookTests(database, at);
    });
    for (const name of ['webhooks._id_', 'outbox._id_', 'outbox.kind_created', 'deliveries.failed_webhook_due']) {
      expect(used).toContain(name);
    }
  });

  test('lists and removals of webhooks, and what they take back', async () => {
    const agentId = watcher.agent._id;
    const used = await indexesOf(async () => {
      await listWebhooks(database, agentId);
      await withTransaction(database, (session) => listWebhooksInForce(database, agentId, session));
      await removeUnsent(database, 'whk_unknown');
      await cancelGroupDeliveries(database, { groupId: 'grp_unknown', noticeId: 'msg_unknown', now: new Date() });
      await dropWebhooks(database, agentId);
      await relayDeletedWebhooks(rowDeps(database), new Date());
    });
    for (const name of [
      'webhooks.agent_created',
      'deliveries.webhook_status_order',
      'deliveries.conversation_status_order',
      'deliveries.agent',
      'outbox.kind_created',
    ]) {
      expect(used).toContain(name);
    }
  });
});
