import { randomUUID } from 'node:crypto';
import { leaseFirst } from '../../store/webhooks/attempts/leases';
import { groupCalls } from '../support/groups';
import { bodyOf, intentWorker } from '../support/intents';
import { waitFor } from '../support/wait';
import { addWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

describe('webhooks of the members of a deleted group', () => {
  const { stack, database } = useStack();
  const api = groupCalls(stack, database);
  const worker = intentWorker(database);

  test('groups#21, groups#G7: a retry of a deleted group is not attempted again; its notice is', async () => {
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
  const { stack, database } = useStack({ workers: 0 });
  const api = groupCalls(stack, database);
  const worker = intentWorker(database);

  test('groups#G7: an attempt that comes due before the flow of the deletion got to it is not started', async () => {
    const [creator, member] = await api.two();
    const groupId = await api.groupOf(creator, member);
    const memberId = api.idOf(member);
    const { _id: webhookId } = await addWebhook(database, memberId, ['message.new']);
    const { id: messageId } = (await api.send(creator, groupId, 'too late')).body;
    await worker.expandAll();
    expect((await api.deleteGroup(creator, groupId)).status).toBe(200);
    await worker.expandAll();
    const { leases } = await leaseFirst(database, { webhookId, count: 10, newToken: randomUUID, now: new Date() });
    expect(leases.map(({ delivery }) => bodyOf(delivery).data.content.data?.event)).toEqual(['group_deleted']);
    expect(await database.deliveries.findOne({ messageId })).toMatchObject({ status: 'cancelled', attempts: 0 });
    expect((await database.webhooks.findOne({ _id: webhookId }))?.slots).toHaveLength(1);
  });
});
