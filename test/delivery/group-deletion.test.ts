import { randomUUID } from 'node:crypto';
import { claimFirst } from '../../store/attempts/claims';
import type { Database } from '../../store/database';
import { groupCalls } from '../support/groups';
import { bodyOf, intentWorker } from '../support/intents';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase } from '../support/traffic';
import { waitFor } from '../support/wait';
import { addWebhook } from '../support/webhooks';

describe('webhooks of the members of a deleted group', () => {
  let stack: Stack;
  let database: Database;
  let api: ReturnType<typeof groupCalls>;
  let worker: ReturnType<typeof intentWorker>;

  beforeAll(async () => {
    stack = await startStack();
    database = openStackDatabase(stack);
    api = groupCalls(stack, database);
    worker = intentWorker(database);
  });
  afterAll(async () => {
    await database.client.close();
    await stack.stop();
  });

  test('groups#21, groups#G7: what waits for a retry when the group is deleted is not attempted again; the notice and group.deleted are', async () => {
    const [creator, member] = await api.two();
    const groupId = await api.groupOf(creator, member);
    const memberId = api.idOf(member);
    await addWebhook(database, memberId, ['message.new', 'group.deleted']);
    const { id: waiting } = (await api.send(creator, groupId, 'waits for a retry')).body;
    await worker.expandAll();
    const inADay = new Date(Date.now() + 86_400_000);
    const scheduled = { status: 'failed' as const, attempts: 3, nextAttemptAt: inADay };
    await database.deliveries.updateOne({ messageId: waiting }, { $set: scheduled });
    const { id: delivered } = (await api.send(creator, groupId, 'has arrived')).body;
    await worker.expandAll();
    const arrived = { status: 'delivered' as const, nextAttemptAt: null, expiresAt: inADay };
    await database.deliveries.updateOne({ messageId: delivered }, { $set: arrived });
    expect((await api.deleteGroup(creator, groupId)).status).toBe(200);
    const stateOf = (messageId: string) => database.deliveries.findOne({ messageId });
    await waitFor(async () => (await stateOf(waiting))?.status === 'cancelled');
    expect(await stateOf(waiting)).toMatchObject({ nextAttemptAt: null, attempts: 3, expiresAt: expect.any(Date) });
    expect(await stateOf(delivered)).toMatchObject(arrived);
    await waitFor(async () => (await database.groupDeletions.findOne({ _id: groupId }))?.outcome);
    await worker.expandAll();
    const left = (await worker.deliveriesOf(memberId)).filter(({ status }) => !/cancelled|delivered/.test(status));
    expect(left.map(({ event }) => event).sort()).toEqual(['group.deleted', 'message.new']);
    const notice = left.find(({ event }) => event === 'message.new');
    expect(bodyOf(notice).data.content.data).toMatchObject({ event: 'group_deleted' });
  });
});

describe('the moment between a deletion and its flow', () => {
  let stack: Stack;
  let database: Database;
  let api: ReturnType<typeof groupCalls>;
  let worker: ReturnType<typeof intentWorker>;

  beforeAll(async () => {
    // No worker: it lasts as long as the test.
    stack = await startStack({ workers: 0 });
    database = openStackDatabase(stack);
    api = groupCalls(stack, database);
    worker = intentWorker(database);
  });
  afterAll(async () => {
    await database.client.close();
    await stack.stop();
  });

  test('groups#G7: an attempt that comes due before the flow of the deletion got to it is not started', async () => {
    const [creator, member] = await api.two();
    const groupId = await api.groupOf(creator, member);
    const memberId = api.idOf(member);
    const { _id: webhookId } = await addWebhook(database, memberId, ['message.new']);
    const { id: messageId } = (await api.send(creator, groupId, 'too late')).body;
    await worker.expandAll();
    expect((await api.deleteGroup(creator, groupId)).status).toBe(200);
    await worker.expandAll();
    const { claims } = await claimFirst(database, { webhookId, count: 10, newToken: randomUUID, now: new Date() });
    expect(claims.map(({ delivery }) => bodyOf(delivery).data.content.data?.event)).toEqual(['group_deleted']);
    expect(await database.deliveries.findOne({ messageId })).toMatchObject({ status: 'cancelled', attempts: 0 });
    expect((await database.webhooks.findOne({ _id: webhookId }))?.slots).toHaveLength(1);
  });
});
