import type { Delivery } from '../../store/schema/collections/deliveries';
import { recoveryFlowId, webhookRecoveryQuery } from '../../workflows/messages/webhook-recovery';
import type { webhookRecovery } from '../../workflows/webhook-recovery';
import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { seedBacklog } from '../support/backlog';
import { traceOf } from '../support/flow-traces';
import { LOCAL_RECEIVERS, useReceiver, type Received } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { seedDeliveries } from '../support/webhook-rig';

/** Until the leases of a dead worker's attempts have ended, on machines that are busy. */
const NOTICED_MS = 120_000;

describe('what an endpoint missed comes by a recovery (webhooks.md §11.2)', () => {
  const { stack, database, client, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();
  let sender: TestAgent;
  let recipient: TestAgent;
  /** What the recipient got before it had a webhook. */
  let opener: Parsed;
  beforeEach(async () => {
    [sender, recipient] = [await createTestAgent(database), await createTestAgent(database)];
    await send(recipient, sender);
    opener = await send(sender, recipient);
  });

  const as = (who: TestAgent, method: string, path: string, body?: object) =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  let sent = 0;
  const send = async (by: TestAgent, to: TestAgent): Promise<Parsed> => {
    const message = { to: to.agent.handle, client_msg_id: `m-${(sent += 1)}`, content: { text: `private ${sent}` } };
    return (await as(by, 'POST', '/v1/messages', message)).body;
  };
  const hook = async (events = ['message.new']): Promise<string> =>
    (await as(recipient, 'POST', '/v1/webhooks', { url: receiver.url, events })).body.id;
  const recover = (id: string, body: object) => as(recipient, 'POST', `/v1/webhooks/${id}/recover`, body);
  const change = async (id: string, changes: object): Promise<void> => {
    expect((await as(recipient, 'PATCH', `/v1/webhooks/${id}`, changes)).status).toBe(200);
  };
  const flowOf = (jobId: string) => client.workflow.getHandle<typeof webhookRecovery>(recoveryFlowId(jobId));
  const resultOf = async (jobId: string) => {
    await waitFor(() => flowOf(jobId).describe());
    return flowOf(jobId).result();
  };
  const messageOf = ({ body }: Received): string => JSON.parse(body.toString('utf8')).data.id;
  const rows = (webhookId: string): Promise<Delivery[]> =>
    database.deliveries.find({ webhookId }, { sort: { order: 1 } }).toArray();
  const untilAllDelivered = (webhookId: string, timeoutMs?: number) =>
    waitFor(
      async () => {
        const left = await database.deliveries.countDocuments({
          webhookId,
          status: { $in: ['pending', 'delivering', 'failed'] },
        });
        return left === 0;
      },
      timeoutMs === undefined ? {} : { timeoutMs },
    );
  const asSender = ({ agent, apiKey }: TestAgent) => ({ id: agent._id, handle: agent.handle, key: apiKey });
  const hourAgo = (): string => new Date(Date.now() - 3_600_000).toISOString();

  test('webhooks#32: delivered, dead and never-made ones: each missing event once, and a repeat finds none', async () => {
    const before = [await send(sender, recipient), await send(sender, recipient)];
    const id = await hook();
    const [good, lost] = [await send(sender, recipient), await send(sender, recipient)];
    await receiver.received(2);
    await untilAllDelivered(id);
    const dead = { status: 'dead' as const, deliveredAt: null, deadAt: new Date() };
    await database.deliveries.updateOne({ webhookId: id, messageId: lost.id }, { $set: dead });
    receiver.requests.splice(0);

    const { status, body } = await recover(id, { since: hourAgo() });
    expect([status, body]).toEqual([202, { job_id: expect.any(String), matched: 4 }]);
    expect(await resultOf(body.job_id)).toMatchObject({ stage: 'done', matched: 4, made: 4 });
    await receiver.received(4);
    await untilAllDelivered(id);
    const got = receiver.requests.map(messageOf);
    expect(new Set(got)).toEqual(new Set([opener, ...before, lost].map((one) => one.id)));
    expect(got).not.toContain(good.id);
    const replay = (await rows(id)).find(({ replayOf }) => replayOf !== null);
    expect(replay).toMatchObject({ messageId: lost.id, status: 'delivered' });
    expect(await database.deliveries.findOne({ _id: replay?.replayOf ?? '' })).toMatchObject({
      status: 'dead',
      replayedAsId: replay?._id,
    });

    const again = await recover(id, { since: hourAgo() });
    expect(again.body.matched).toBe(0);
    expect(await resultOf(again.body.job_id)).toMatchObject({ stage: 'done', made: 0 });
    expect(receiver.requests).toHaveLength(4);
  });

  test('webhooks#32: oldest first, at the endpoint’s pace, and each once across the death of a worker', async () => {
    await seedBacklog(database, asSender(sender), asSender(recipient), 250);
    const id = await hook();
    let isKilled = false;
    const kill = async (): Promise<void> => {
      const worker = stack.workers.find((one) => one.isRunning());
      if (worker !== undefined) await stack.kill(worker);
      await stack.startWorker();
      isKilled = true;
    };
    receiver.answer((response, _, count) => {
      if (count === 60) void kill();
      response.writeHead(200).end();
    });
    const { body } = await recover(id, { since: hourAgo() });
    expect(body.matched).toBe(251);
    let waitingMax = 0;
    await waitFor(
      async () => {
        const waiting = await database.deliveries.countDocuments({ webhookId: id, status: 'pending' });
        waitingMax = Math.max(waitingMax, waiting);
        return isKilled && (await database.deliveries.countDocuments({ webhookId: id, status: 'delivered' })) === 251;
      },
      { timeoutMs: NOTICED_MS },
    );
    expect(await resultOf(body.job_id)).toMatchObject({ stage: 'done' });
    expect(waitingMax).toBeLessThanOrEqual(100);
    const all = await rows(id);
    expect(all).toHaveLength(251);
    expect(new Set(receiver.requests.map(messageOf)).size).toBe(251);
    const starts = all
      .filter(({ attempts }) => attempts === 1)
      .map(({ firstAttemptAt }) => firstAttemptAt?.getTime() ?? 0);
    expect(starts).toEqual([...starts].sort((one, other) => one - other));
  });

  test('webhooks#36: what comes while a webhook is inactive comes by a recovery, of every kind but presence', async () => {
    const id = await hook(['message.new', 'contact.blocked', 'presence.update']);
    await change(id, { active: false });
    expect((await recover(id, { since: hourAgo() })).status).toBe(409);
    const since = new Date();
    const message = await send(sender, recipient);
    expect((await as(sender, 'POST', `/v1/contacts/${recipient.agent.handle}/block`)).status).toBeLessThan(300);
    const missed = await waitFor(() => database.deliveries.findOne({ webhookId: id, event: 'contact.blocked' }));
    expect(missed).toMatchObject({ status: 'cancelled', cancelledFor: 'inactive', attempts: 0 });
    await change(id, { active: true });
    const { body } = await recover(id, { since: since.toISOString() });
    expect(body.matched).toBe(2);
    await receiver.received(2);
    await untilAllDelivered(id);
    const got = receiver.requests.map(({ body: bytes }) => JSON.parse(bytes.toString('utf8')));
    expect(got.map(({ event }) => event).sort()).toEqual(['contact.blocked', 'message.new']);
    expect(got.find(({ event }) => event === 'message.new').data.id).toBe(message.id);
  });

  test('webhooks#36: one waits, 20 events while off: on again it goes on, the 20 come by a recovery only', async () => {
    const id = await hook(['message.new', 'contact.blocked']);
    receiver.answer(500);
    const held = await send(sender, recipient);
    await waitFor(() => database.deliveries.findOne({ webhookId: id, status: 'failed' }));
    await change(id, { active: false });
    const since = new Date().toISOString();
    const missed: string[] = [];
    for (let count = 0; count < 19; count += 1) missed.push((await send(sender, recipient)).id);
    await as(sender, 'POST', `/v1/contacts/${recipient.agent.handle}/block`);
    await waitFor(() => database.deliveries.findOne({ webhookId: id, event: 'contact.blocked' }));
    receiver.requests.splice(0);
    receiver.answer(200);

    await change(id, { active: true });
    await waitFor(() => database.deliveries.findOne({ webhookId: id, messageId: held.id, status: 'delivered' }));
    expect(receiver.requests.map(messageOf)).toEqual([held.id]);
    expect(await rows(id)).toHaveLength(2);

    const { body } = await recover(id, { since });
    expect(body.matched).toBe(20);
    expect(await resultOf(body.job_id)).toMatchObject({ stage: 'done', made: 20 });
    await untilAllDelivered(id);
    const got = receiver.requests.slice(1).map(({ body: bytes }) => JSON.parse(bytes.toString('utf8')));
    expect(got.filter(({ event }) => event === 'contact.blocked')).toHaveLength(1);
    expect(got.flatMap(({ data }) => data.id ?? []).sort()).toEqual([...missed].sort());
    expect((await recover(id, { since })).body.matched).toBe(0);
  });

  test('webhooks.md §11.2: status failed sends at once what waits for its repetition, in its place', async () => {
    const id = await hook();
    const webhook = await database.webhooks.findOne({ _id: id });
    if (webhook === null) throw new Error('no webhook');
    const later = { status: 'failed', attempts: 3, nextAttemptAt: new Date(Date.now() + 3_600_000) } as const;
    const failed = await seedDeliveries(database, webhook, 3, later);
    const { body } = await recover(id, { since: hourAgo(), status: 'failed' });
    expect(body.matched).toBe(3);
    const requests = await receiver.received(3);
    expect(new Set(requests.map(({ body: bytes }) => bytes.toString('utf8')))).toEqual(
      new Set(failed.map((one) => one.body)),
    );
    expect(await database.deliveries.countDocuments({ webhookId: id, status: 'cancelled' })).toBe(3);
  });

  test('webhooks#32: progress is read in the Temporal UI, by handle and webhook, without a text or URL', async () => {
    const id = await hook();
    const { body } = await recover(id, { since: hourAgo() });
    await resultOf(body.job_id);
    const flow = flowOf(body.job_id);
    expect(await flow.query(webhookRecoveryQuery)).toMatchObject({ stage: 'done', matched: 1, made: 1 });
    const attributes = (await flow.describe()).typedSearchAttributes.getAll().map(({ value }) => value);
    expect(attributes).toEqual(expect.arrayContaining([id, recipient.agent.handle, 'done']));
    const trace = await traceOf(flow);
    for (const hidden of ['private', receiver.url, recipient.apiKey]) expect(trace).not.toContain(hidden);
  });
});
