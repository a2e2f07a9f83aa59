import type { Delivery, DeliveryStatus } from '../../store/schema/collections/deliveries';
import { recordLost } from '../../store/webhooks/attempts/lost';
import { useReceiver } from '../support/receiver';
import { useEach } from '../support/use';
import { waitFor } from '../support/wait';
import { seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';

describe('what is kept of attempts (webhooks.md §11.1, §11.2)', () => {
  const rig = useWebhookRig({ isMonitored: true });
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );

  const untilStatus = (delivery: Delivery | undefined, status: DeliveryStatus) =>
    waitFor(
      async () => {
        const row = await rig.database.deliveries.findOne({ _id: delivery?._id ?? '' });
        return row?.status === status ? row : null;
      },
      { describe: `a delivery that is ${status}` },
    );

  test.each([500, 404, 302])(
    'webhooks#33: abort-message with %s ends the delivery: no second request',
    async (status) => {
      receiver.answer((response) => response.writeHead(status, { 'Webhook-Delivery': ' Abort-Message ' }).end());
      const webhook = await seedWebhook(rig.database, receiver.url);
      const [delivery] = await seedDeliveries(rig.database, webhook);
      rig.startWorker().wake(webhook._id);
      const row = await untilStatus(delivery, 'cancelled');
      expect(row).toMatchObject({ attempts: 1, lastStatus: status, nextAttemptAt: null, expiresAt: expect.any(Date) });
      // The receiver refused it: a recovery must not send it again.
      expect(row.cancelledFor).toBeUndefined();
      expect(await rig.database.outbox.countDocuments({ webhookId: webhook._id })).toBe(0);
      await rig.attemptDue(webhook._id, new Date(Date.now() + 86_400_000));
      expect(receiver.requests).toHaveLength(1);
    },
  );

  test('webhooks#33: with a 2xx the header means nothing, and another value of it neither', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    receiver.answer((response) => response.writeHead(200, { 'webhook-delivery': 'abort-message' }).end());
    const [good] = await seedDeliveries(rig.database, webhook);
    const worker = rig.startWorker();
    worker.wake(webhook._id);
    await untilStatus(good, 'delivered');
    receiver.answer((response) => response.writeHead(500, { 'webhook-delivery': 'abort' }).end());
    const [bad] = await seedDeliveries(rig.database, webhook);
    worker.wake(webhook._id);
    await untilStatus(bad, 'failed');
  });

  test('webhooks#30: of an answer only the beginning is kept, whatever the receiver sends', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`x-many-${index}`, 'v'.repeat(40)]));
    receiver.answer((response) => {
      response.writeHead(200, { 'x-long': 'w'.repeat(3_000), ...many, $where: 'a.b', 'dotted.name': '1' });
      response.end(Buffer.alloc(200_000, 0xff));
    });
    const [delivery] = await seedDeliveries(rig.database, webhook);
    rig.startWorker().wake(webhook._id);
    const { log = [] } = await untilStatus(delivery, 'delivered');
    expect(log).toHaveLength(1);
    const [attempt] = log;
    expect(attempt?.body).toHaveLength(4_096);
    expect(attempt?.headers.length).toBeLessThanOrEqual(32);
    for (const [name, value] of attempt?.headers ?? []) expect([name, value.length <= 512]).toEqual([name, true]);
  });

  test('webhooks#30: an attempt whose worker died stands in the log, and only once', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    const startedAt = new Date(Date.now() - 45_000);
    const lost = { status: 'delivering', attempts: 2, lastAttemptAt: startedAt, leaseUntil: new Date(0) } as const;
    const [delivery] = await seedDeliveries(rig.database, webhook, 1, lost);
    const now = new Date();
    await Promise.all([recordLost(rig.database, now, 10), recordLost(rig.database, now, 10)]);
    const row = await untilStatus(delivery, 'failed');
    expect(row.log).toEqual([
      {
        attempt: 2,
        at: startedAt,
        durationMs: now.getTime() - startedAt.getTime(),
        status: null,
        error: 'worker_lost',
        headers: [],
        body: '',
        remoteIp: null,
      },
    ]);
  });

  test('webhooks.md §11.1: the log of a successful attempt costs no statement of its own', async () => {
    const webhook = await seedWebhook(rig.database, receiver.url);
    const [delivery] = await seedDeliveries(rig.database, webhook);
    const writes: string[] = [];
    const note = ({ commandName, command }: { commandName: string; command: Record<string, unknown> }) => {
      if (['update', 'findAndModify', 'bulkWrite', 'insert'].includes(commandName)) {
        if (command[commandName] === 'deliveries') writes.push(commandName);
      }
    };
    rig.database.client.on('commandStarted', note);
    rig.startWorker().wake(webhook._id);
    const { log = [] } = await untilStatus(delivery, 'delivered');
    rig.database.client.off('commandStarted', note);
    expect(log).toHaveLength(1);
    // One takes the lease, one records the result.
    expect(writes).toEqual(['findAndModify', 'update']);
  });
});
