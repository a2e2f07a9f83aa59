import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { relayCommits } from '../../delivery/code-by-mail-relay';
import { forEachRow } from '../../delivery/each-row';
import { createWebhookRelay } from '../../delivery/webhook-relay';
import { createNamespace } from '../../local/temporal';
import { parseConfig, type Config } from '../../platform/config';
import { createFlows } from '../../platform/flows/flows';
import type { OutboxRow } from '../../store/schema/collections/outbox';
import { openDatabase, type Database } from '../../store/schema/database';
import { requestFlow, requestRetry } from '../../store/webhooks/attempts/retry-requests';
import { attemptFailedSignal, webhookFlowId } from '../../workflows/messages/webhook';
import type { FlowTypes } from '../../workflows/messages/flows';
import { createTestAgent } from '../support/agents';
import { useDatabase } from '../support/database';
import { rowDeps } from '../support/relays';
import { testServers } from '../support/servers';
import { use, useEach } from '../support/use';
import { waitFor } from '../support/wait';
import { addWebhook } from '../support/webhooks';

const NAMESPACE = 'test-1';
const NOWHERE = '127.0.0.1:1';
/** As often as a relay has its rounds. */
const EVERY_SECOND = { intervalMs: 1_000 };

/** A Temporal namespace with the search attributes of ours, in which nobody polls. */
async function openNamespace() {
  const { temporalAddress } = testServers();
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  await createNamespace(temporalAddress, namespace);
  const connection = await Connection.connect({ address: temporalAddress });
  return {
    client: new Client({ connection, namespace }),
    flowsFor: (database: Database) =>
      createFlows({ ...rowDeps(database), config: configOf(temporalAddress, namespace) }),
    close: () => connection.close(),
  };
}

const configOf = (address: string, namespace: string): Config =>
  parseConfig({
    SECRET_KEYS: `a:${'A'.repeat(43)}=`,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  });

/** Without this one row that cannot succeed would end its relay's rounds for ever. */
describe('a row of the outbox whose effect fails', () => {
  const database = useDatabase();
  const { temporalAddress } = testServers();
  const flowsAt = (address: string) => createFlows({ ...rowDeps(database), config: configOf(address, NAMESPACE) });
  const deps = useEach(
    () => ({ ...rowDeps(database), flows: flowsAt(temporalAddress) }),
    ({ flows }) => flows.close(),
  );
  beforeEach(() => database.outbox.deleteMany({}));

  const committed = (index: number, workflowId: string): OutboxRow => ({
    _id: `obx_commit${String(index).padStart(4, '0')}`,
    kind: 'flow.committed',
    workflowId,
    agentId: 'agt_nobody',
    keyVersion: 1,
    createdAt: new Date(Date.now() - 60_000 + index),
  });
  /** A flow that has ended: to be told of its commit is no error. */
  const ended = (index: number) => committed(index, `registration:ended-${index}`);
  const relay = () => relayCommits(deps, new Date());
  const left = () => database.outbox.find({}, { sort: { _id: 1 } }).toArray();

  test('webhooks#47: one flow.committed row without a flow does not hold up the others', async () => {
    await database.outbox.insertMany([ended(1), committed(2, ''), ended(3), ended(4)]);
    await relay();
    const failed = { failures: 1, error: expect.stringMatching(/^ServiceError /), since: expect.any(Date) };
    expect(await left()).toMatchObject([{ _id: committed(2, '')._id, failed }]);
    expect((await deps.metrics.outboxFailures.get()).values).toEqual([
      { labels: { kind: 'flow.committed' }, value: 1 },
    ]);
  });

  test('webhooks#47: a hundred of them, all that a round takes, do not hold up what comes behind', async () => {
    const many = Array.from({ length: 100 }, (_, index) => committed(index + 1, ''));
    await database.outbox.insertMany([...many, ended(101)]);
    await relay();
    expect(await left()).toHaveLength(101);
    // Their pauses grow, so before long a round begins behind them.
    await waitFor(async () => {
      await relay();
      return (await left()).length === 100;
    });
  });

  test('webhooks#47: while Temporal is out of reach a round ends with its first call, and blames no row', async () => {
    await database.outbox.insertMany([ended(1), ended(2), ended(3)]);
    const flows = flowsAt(NOWHERE);
    let calls = 0;
    const round = forEachRow({ ...deps, flows }, await left(), async () => {
      calls += 1;
      await flows.signalCommitted('registration:any', { agentId: 'agt_nobody', keyVersion: 1 });
    });
    await expect(round).rejects.toThrow();
    expect([calls, (await left()).filter(({ failed }) => failed !== undefined)]).toEqual([1, []]);
    await flows.close();
  });

  test('webhooks#47: while the database is out of reach a round ends with its first call', async () => {
    await database.outbox.insertMany([ended(1), ended(2), ended(3)]);
    const away = openDatabase({ uri: `mongodb://${NOWHERE}/`, name: 'away', serverSelectionTimeoutMs: 200 });
    let calls = 0;
    const round = forEachRow({ ...deps, database: away }, await left(), async () => {
      calls += 1;
      await away.outbox.findOne({ _id: 'any' });
    });
    await expect(round).rejects.toMatchObject({ name: 'MongoServerSelectionError' });
    expect([calls, (await left()).filter(({ failed }) => failed !== undefined)]).toEqual([1, []]);
    await away.client.close();
  });

  test('webhooks#47: one that is too slow for ever is noted while the database answers others', async () => {
    await database.outbox.insertMany([ended(1), ended(2), ended(3)]);
    const done: string[] = [];
    await forEachRow(deps, await left(), async ({ _id }) => {
      if (_id !== ended(2)._id) return done.push(_id);
      // A read that takes longer than it may, whenever it is made.
      return database.outbox.findOne({ _id, $where: 'sleep(2000) || true' }, { maxTimeMS: 50 });
    });
    expect(done).toEqual([ended(1)._id, ended(3)._id]);
    expect((await left()).map(({ failed }) => failed?.error)).toEqual([undefined, 'MongoServerError 50', undefined]);
  });
});

describe('a flow that nobody runs', () => {
  const database = useDatabase();
  const temporal = use(openNamespace, ({ close }) => close());

  test('webhooks#47: it is told nothing more once it has not taken up the last signal', async () => {
    const { client, flowsFor } = temporal;
    const flows = flowsFor(database);
    const { agent } = await createTestAgent(database);
    const { _id: webhookId } = await addWebhook(database, agent._id, ['message.new']);
    const handle = await client.workflow.start<FlowTypes['webhook']>('webhook', {
      workflowId: webhookFlowId(webhookId),
      taskQueue: 'nobody-polls',
      args: [{ webhookId, handle: agent.handle, hasSearchAttributes: false }],
    });
    const relay = createWebhookRelay({ ...rowDeps(database), flows });
    const signals = async (): Promise<number> => {
      const { events } = await handle.fetchHistory();
      const name = attemptFailedSignal.name;
      return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes?.signalName === name)
        .length;
    };
    const due = () => database.outbox.updateMany({}, { $set: { 'failed.retryAt': new Date(0) } });
    // A sweep has nothing to tell one that runs, so it adds no signal and leaves no row.
    await requestFlow(database, webhookId, new Date());
    await relay.round(new Date(Date.now() + 1_000));
    expect([await signals(), await database.outbox.countDocuments({})]).toEqual([0, 0]);
    await waitFor(async () => {
      await requestRetry(database, webhookId, new Date());
      await relay.round(new Date(Date.now() + 1_000));
      return (await database.outbox.findOne({ 'failed.error': 'FlowBehind' })) !== null;
    }, EVERY_SECOND);
    const told = await signals();
    expect(told).toBeGreaterThan(0);
    for (let rounds = 0; rounds < 5; rounds += 1) {
      await requestRetry(database, webhookId, new Date());
      await requestFlow(database, webhookId, new Date());
      await due();
      await relay.round(new Date(Date.now() + 1_000));
    }
    expect([await signals(), await database.outbox.countDocuments({})]).toEqual([told, 1]);
    await handle.terminate('the test is over');
    await due();
    await relay.round(new Date(Date.now() + 1_000));
    expect(await database.outbox.countDocuments({})).toBe(0);
    await client.workflow.getHandle(webhookFlowId(webhookId)).terminate('the test is over');
    await flows.close();
  });
});
