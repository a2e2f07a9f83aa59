import type { Delivery } from '../../store/schema/collections/deliveries';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { newId } from '../../platform/ids';
import { useReceiver } from '../support/receiver';
import { seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';
import { useEach } from '../support/use';
import { waitFor } from '../support/wait';

/** An endpoint that was away must not be told of a day's presences one after the other, the oldest last. */
describe('attempts of presence.update (webhooks.md §11.7)', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );
  const subjectId = newId('agent');
  let webhook: Webhook;
  beforeEach(async () => {
    webhook = await seedWebhook(rig.database, receiver.url, { events: ['presence.update'] });
  });

  async function seedPresence(subjectVersion: number, changes: Partial<Delivery> = {}): Promise<Delivery> {
    const presence = { event: 'presence.update' as const, subjectId, subjectVersion, ...changes };
    const [row] = await seedDeliveries(rig.database, webhook, 1, presence);
    if (row === undefined) throw new Error('no row');
    return row;
  }
  const rowOf = ({ _id }: Delivery) => rig.database.deliveries.findOne({ _id });
  const untilStatus = (row: Delivery, status: Delivery['status']) =>
    waitFor(async () => {
      const now = await rowOf(row);
      return now?.status === status ? now : null;
    });
  const dueOf = (row: Delivery | null): Date => row?.nextAttemptAt ?? new Date();
  const requested = (): unknown[] => receiver.requests.map(({ headers }) => headers['x-agentchat-delivery']);

  test('webhooks#42: a presence that fails is attempted three times, by the table, then given up', async () => {
    receiver.answer(503);
    const row = await seedPresence(1);
    rig.startWorker().wake(webhook._id);
    const first = await untilStatus(row, 'failed');
    await rig.attemptDue(webhook._id, dueOf(first));
    const second = await rowOf(row);
    expect(second).toMatchObject({ status: 'failed', attempts: 2 });
    expect(dueOf(second).getTime() - dueOf(first).getTime()).toBeGreaterThanOrEqual(30_000);
    expect(await rig.attemptDue(webhook._id, dueOf(second))).toMatchObject({ attempted: 1, dead: 1, nextAt: null });
    expect(await rowOf(row)).toMatchObject({ status: 'dead', attempts: 3, nextAttemptAt: null });
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-attempt'])).toEqual(['1', '2', '3']);
  });

  test('webhooks#42: what failed gives way to a newer state: the newest alone is attempted', async () => {
    receiver.answer(503);
    const old = await seedPresence(1);
    const worker = rig.startWorker();
    worker.wake(webhook._id);
    const failed = await untilStatus(old, 'failed');
    receiver.answer(200);
    const other = await seedPresence(1, { subjectId: newId('agent') });
    const newer = await seedPresence(2);
    worker.wake(webhook._id);
    for (const row of [newer, other]) await untilStatus(row, 'delivered');
    const after = await rig.attemptDue(webhook._id, dueOf(failed));
    expect(after).toMatchObject({ attempted: 0, failed: 0, nextAt: null });
    expect(await rowOf(old)).toMatchObject({ status: 'cancelled', attempts: 1, lastError: failed.lastError });
    expect(requested().filter((id) => id === old._id)).toHaveLength(1);
    expect((await rig.database.webhooks.findOne({ _id: webhook._id }))?.slots).toEqual([]);
  });

  test('webhooks#42: one whose worker died on the wire gives way, too', async () => {
    const old = await seedPresence(1, { status: 'delivering', attempts: 1, leaseUntil: new Date(Date.now() - 1) });
    const newer = await seedPresence(2);
    rig.startWorker().wake(webhook._id);
    await untilStatus(newer, 'delivered');
    const lost = await untilStatus(old, 'failed');
    await rig.attemptDue(webhook._id, dueOf(lost));
    expect(await rowOf(old)).toMatchObject({ status: 'cancelled', attempts: 1 });
    expect(requested()).toEqual([newer._id]);
  });

  test('webhooks.md §11.2: an old presence that is asked for again is sent all the same', async () => {
    await seedPresence(2, { status: 'delivered', attempts: 1, nextAttemptAt: null });
    const asked = await seedPresence(1, { replayOf: 'whd_original' });
    rig.startWorker().wake(webhook._id);
    await untilStatus(asked, 'delivered');
  });
});
