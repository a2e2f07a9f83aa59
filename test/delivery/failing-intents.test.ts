import { expandIntents } from '../../delivery/expand-intents';
import { createAgentReader } from '../../store/agents/agents';
import { countFailedRows, listFailedRows, retryRowNow } from '../../store/outbox/failed-rows';
import type { OutboxRow } from '../../store/schema/collections/outbox';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { rowDeps } from '../support/relays';
import { useEach } from '../support/use';
import { addWebhook } from '../support/webhooks';

/** Without this one row that cannot be expanded would end the webhooks of everybody, for ever. */
describe('an intent that cannot be expanded', () => {
  const database = useDatabase();
  const one = useEach(async () => {
    await database.outbox.deleteMany({});
    const { agent } = await createTestAgent(database);
    await addWebhook(database, agent._id, ['contact.blocked', 'presence.update']);
    return { agentId: agent._id };
  });
  const deps = useEach(() => ({
    ...rowDeps(database),
    agents: createAgentReader(database),
    publicBaseUrl: 'http://chat.example.com',
  }));
  const LONG_AGO_MS = 60_000;

  const common = (index: number) => ({
    _id: `obx_row${String(index).padStart(4, '0')}`,
    targetId: one.agentId,
    webhookVersion: 1,
    position: index,
    createdAt: new Date(Date.now() - LONG_AGO_MS + index),
  });
  const good = (index: number): OutboxRow => ({ ...common(index), kind: 'contact.blocked', blockedBy: 'somebody' });
  /** The time of the change is missing, so there is no event to be made of it. */
  const bad = (index: number): OutboxRow =>
    // The parse point of a row that no code writes.
    ({
      ...common(index),
      kind: 'presence.update',
      subjectId: `agt_${index}`,
      handle: 'somebody',
      status: 'online',
      customMessage: null,
      version: 1,
    }) as unknown as OutboxRow;
  const made = () => database.deliveries.countDocuments({ agentId: one.agentId });
  const rowOf = (index: number) => database.outbox.findOne({ _id: common(index)._id });
  const failuresCounted = async () => (await deps.metrics.outboxFailures.get()).values;

  test('webhooks#47: all others go on, and it is counted, passed over and seen', async () => {
    await database.outbox.insertMany([good(1), good(2), bad(3), good(4), good(5)]);
    const { webhookIds } = await expandIntents(deps);
    expect([await made(), webhookIds.size]).toEqual([4, 1]);
    const failed = { failures: 1, error: 'TypeError', since: expect.any(Date), retryAt: expect.any(Date) };
    expect(await database.outbox.find({}).toArray()).toEqual([expect.objectContaining({ _id: common(3)._id, failed })]);
    expect(await failuresCounted()).toEqual([{ labels: { kind: 'presence.update' }, value: 1 }]);
    expect(await countFailedRows(database, new Date())).toEqual(new Map([['presence.update', 1]]));
    expect(await listFailedRows(database, { limit: 10, now: new Date() })).toEqual([
      { _id: common(3)._id, kind: 'presence.update', createdAt: expect.any(Date), failed },
    ]);
  });

  test('webhooks#47: its pause doubles up to ten minutes, and it goes through once nothing is wrong', async () => {
    await database.outbox.insertOne(bad(1));
    const pausesMs: number[] = [];
    for (let tries = 1; tries <= 12; tries += 1) {
      await retryRowNow(database, common(1)._id, new Date(Date.now() - 1));
      const startedMs = Date.now();
      await expandIntents(deps);
      const failed = (await rowOf(1))?.failed;
      expect(failed?.failures).toBe(tries);
      pausesMs.push(Math.floor(((failed?.retryAt.getTime() ?? 0) - startedMs) / 1_000));
    }
    expect(pausesMs).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    await expandIntents(deps);
    expect((await rowOf(1))?.failed?.failures).toBe(12);
    await database.outbox.updateOne({ _id: common(1)._id }, { $set: { at: new Date() } });
    expect(await retryRowNow(database, common(1)._id, new Date(Date.now() - 1))).toBe(true);
    await expandIntents(deps);
    expect([await made(), await rowOf(1)]).toEqual([1, null]);
    expect(await retryRowNow(database, common(1)._id, new Date())).toBe(false);
  });

  test('webhooks#47: more of them than a round takes do not hold up what comes behind', async () => {
    const many = Array.from({ length: 210 }, (_, index) => bad(index + 1));
    await database.outbox.insertMany([...many, good(211)]);
    for (let rounds = 0; rounds < 2; rounds += 1) await expandIntents(deps);
    expect(await made()).toBe(1);
    expect(await database.outbox.countDocuments({ 'failed.failures': { $gte: 1 } })).toBe(210);
  });
});
