import { call, createTestAgent, type TestAgent } from '../support/agents';
import { DAY_MS, makeWitnesses, wroteFirst } from '../support/community';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** What would go unseen without these: a trigger that is lost with a process, and a block that waits for an engine. */
describe('community enforcement while parts of it are down', () => {
  const { stack, database } = useStack({ apis: 1, workers: 0 });

  const url = (): string => stack.baseUrls.at(-1) ?? '';
  const block = (who: TestAgent, whom: TestAgent) =>
    call(url(), 'POST', `/v1/contacts/${whom.agent.handle}/block`, { key: who.apiKey });
  const statusOf = async (who: TestAgent) => (await database.agents.findOne({ _id: who.agent._id }))?.status;
  const requests = (who: TestAgent) =>
    database.outbox.countDocuments({ kind: 'enforcement.requested', targetId: who.agent._id });

  /** An agent with 14 counting blocks and one more agent that it wrote to. */
  async function nearTheLine(): Promise<[TestAgent, TestAgent]> {
    const target = await createTestAgent(database);
    const last = await createTestAgent(database);
    await addBlocks(target, 14, new Date());
    await wroteFirst(database, target.agent._id, last.agent._id);
    return [target, last];
  }

  async function addBlocks(target: TestAgent, count: number, createdAt: Date): Promise<void> {
    const blockedId = target.agent._id;
    const witnesses = await makeWitnesses(database, target, count);
    await database.blocks.insertMany(
      witnesses.map((blockerId) => ({
        _id: `${blockerId}:${blockedId}`,
        blockerId,
        blockedId,
        createdAt,
        counts: true,
        isHidden: false,
      })),
    );
  }

  test('social#22, social#G1, social#G2: blocks are answered while workers, Temporal and an api are down', async () => {
    const [withoutWorker, one] = await nearTheLine();
    expect((await block(one, withoutWorker)).status).toBe(200);
    await waitFor(async () => (await requests(withoutWorker)) === 0, { describe: 'the flow to be told' });

    await stack.startApi({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const [withoutTemporal, other] = await nearTheLine();
    expect((await block(other, withoutTemporal)).status).toBe(200);
    expect(await requests(withoutTemporal)).toBe(1);
    const last = stack.apis.at(-1);
    if (last === undefined) throw new Error('an api runs');
    await stack.kill(last);
    expect([await statusOf(withoutWorker), await statusOf(withoutTemporal)]).toEqual(['active', 'active']);

    await stack.startWorker();
    for (const agent of [withoutWorker, withoutTemporal]) {
      await waitFor(async () => (await statusOf(agent)) === 'restricted', {
        describe: 'restricted',
      });
    }
    await waitFor(async () => (await requests(withoutTemporal)) === 0);
  });

  test('social#G8: a restriction whose flow was ended by hand lifts all the same', async () => {
    const target = await createTestAgent(database);
    await addBlocks(target, 15, new Date(Date.now() - DAY_MS - 60_000));
    await database.agents.updateOne({ _id: target.agent._id }, { $set: { status: 'restricted' } });
    await database.enforcements.insertOne({
      _id: target.agent._id,
      transitions: 0,
      since: null,
      isSticky: false,
      baseline: null,
      evaluatedAt: new Date(),
      evaluations: 1,
      counts: { blocksInDay: 15, blocksInWeek: 15, reportsInWeek: 0 },
      nextEvaluationAt: new Date(Date.now() - 60_000),
    });
    // The sweep runs once a minute, and at the start of a worker.
    await stack.startWorker();
    await waitFor(async () => (await statusOf(target)) === 'active');
  });

  test('social#G12: rows that cannot be read leave the state as it is, and the request is served', async () => {
    const target = await createTestAgent(database);
    await addBlocks(target, 15, new Date(Date.now() - DAY_MS - 60_000));
    await database.agents.updateOne({ _id: target.agent._id }, { $set: { status: 'restricted' } });
    // Reading a view that divides by zero fails in the database itself.
    await database.db.collection('blocks').rename('blocks-aside');
    await database.db.createCollection('blocks', {
      viewOn: 'agents',
      pipeline: [{ $project: { counts: { $divide: [1, 0] }, blockedId: 1, createdAt: 1 } }],
    });
    const me = () => call(url(), 'GET', '/v1/agents/me', { key: target.apiKey });
    expect(await me()).toMatchObject({ status: 200, body: { status: 'restricted' } });
    await database.db.dropCollection('blocks');
    await database.db.collection('blocks-aside').rename('blocks');
    expect(await me()).toMatchObject({ status: 200, body: { status: 'active' } });
  });
});
