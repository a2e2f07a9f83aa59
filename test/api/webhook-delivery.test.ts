import { randomBytes } from 'node:crypto';
import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { countUndelivered } from '../../store/inbox/backlog';
import { setPause } from '../../store/accounts/set-pause';
import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { startReceiver, type Received, LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

describe('webhooks from the message to the receiver', () => {
  let sender: TestAgent;
  let recipient: TestAgent;
  let secret: string;

  const { database, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();
  beforeEach(async () => {
    sender = await createTestAgent(database);
    recipient = await createTestAgent(database);
    const webhook = { url: receiver.url, events: ['message.new'] };
    const created = await as(recipient, 'POST', '/v1/webhooks', webhook);
    expect(created.status).toBe(201);
    secret = created.body.secret;
    // A reply first, so that any number of messages may follow.
    await as(recipient, 'POST', '/v1/messages', {
      to: sender.agent.handle,
      client_msg_id: 'hello',
      content: { text: 'hi' },
    });
  });

  const as = (who: TestAgent, method: string, path: string, body?: object) =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  const send = async (text: string, id = randomBytes(6).toString('hex')): Promise<Parsed> => {
    const to = recipient.agent.handle;
    const answer = await as(sender, 'POST', '/v1/messages', { to, client_msg_id: id, content: { text } });
    expect([200, 201]).toContain(answer.status);
    return answer.body;
  };
  const textOf = ({ body }: Received): string => JSON.parse(body.toString('utf8')).data.content.text;
  const synced = async (): Promise<string[]> =>
    (await as(recipient, 'GET', '/v1/messages/sync')).body.map((message: Parsed) => message.id);
  const undelivered = (): Promise<number> => countUndelivered(database, recipient.agent._id);

  test('webhooks#23, webhooks#5: a 2xx to a signed message marks it delivered and takes it out of sync', async () => {
    const message = await send('for the hook');
    const [request] = await receiver.received(1);
    const signature = String(request?.headers['agentchat-signature']);
    const payload = await verifyWebhook({ payload: request?.body ?? '', signature, secret });
    expect(payload).toMatchObject({
      event: 'message.new',
      data: { id: message.id, content: { text: 'for the hook' }, status: 'stored' },
    });
    await waitFor(async () => (await synced()).length === 0);
    expect(await undelivered()).toBe(0);
    const envelope = await database.envelopes.findOne({ recipientId: recipient.agent._id, messageId: message.id });
    expect(envelope).toMatchObject({ status: 'delivered', deliveredAt: expect.any(Date) });
  });

  test('webhooks#G6: a receiver that hangs keeps nobody who sends', async () => {
    receiver.answer(() => undefined);
    await send('hangs');
    await receiver.received(1);
    for (let sent = 0; sent < 5; sent += 1) await send(`while it hangs ${sent}`);
    // All were accepted while the first attempt has no answer yet.
    expect(await database.deliveries.countDocuments({ agentId: recipient.agent._id, status: 'delivered' })).toBe(0);
    await receiver.received(6);
  });

  test('webhooks#20: an idempotent repeat of the message makes no second webhook', async () => {
    await send('once', 'the-same-id');
    await send('once', 'the-same-id');
    await send('after it');
    await receiver.received(2);
    expect(receiver.requests.map(textOf)).toEqual(['once', 'after it']);
  });

  test('webhooks#11: a receiver that fails leaves the message in sync', async () => {
    receiver.answer(500);
    const message = await send('not taken');
    await receiver.received(1);
    const row = await waitFor(async () => {
      const delivery = await database.deliveries.findOne({ messageId: message.id });
      return delivery?.status === 'failed' ? delivery : null;
    });
    // As its ninth failure leaves it: the hours until then pass in test/workflows.
    await database.deliveries.updateOne(
      { _id: row._id },
      { $set: { status: 'dead', nextAttemptAt: null, deadAt: new Date() } },
    );
    expect(await synced()).toEqual([message.id]);
    expect(await undelivered()).toBe(1);
  });

  test('webhooks#22: three messages in a full pause: none during it, all three in order after it', async () => {
    await setPause(database, recipient.agent._id, 'full', new Date());
    for (const text of ['first', 'second', 'third']) await send(text);
    // The worker is at work meanwhile: another recipient gets what was sent later.
    const other = await createTestAgent(database);
    const otherReceiver = await startReceiver();
    await as(other, 'POST', '/v1/webhooks', { url: otherReceiver.url, events: ['message.new'] });
    await as(sender, 'POST', '/v1/messages', {
      to: other.agent.handle,
      client_msg_id: 'later',
      content: { text: 'x' },
    });
    await otherReceiver.received(1);
    await otherReceiver.close();
    expect(receiver.requests).toEqual([]);
    await setPause(database, recipient.agent._id, 'none', new Date());
    await receiver.received(3);
    expect(receiver.requests.map(textOf)).toEqual(['first', 'second', 'third']);
    expect(receiver.atOnceMax).toBe(1);
    await waitFor(async () => (await undelivered()) === 0);
  });

  test('webhooks#22: what failed before a pause is repeated right after it and keeps its attempts', async () => {
    receiver.answer(500);
    const message = await send('held');
    await receiver.received(1);
    await waitFor(async () => (await database.deliveries.findOne({ messageId: message.id }))?.status === 'failed');
    await setPause(database, recipient.agent._id, 'full', new Date());
    const past = new Date(Date.now() - 1_000);
    await database.deliveries.updateOne({ messageId: message.id }, { $set: { nextAttemptAt: past } });
    receiver.answer(200);
    await setPause(database, recipient.agent._id, 'none', new Date());
    await receiver.received(2);
    expect(receiver.requests[1]?.headers).toMatchObject({ 'x-agentchat-attempt': '2' });
  });

  test('webhooks#21: a muted sender makes none; after the unmute only new messages do', async () => {
    const mute = { target_kind: 'agent', target_handle: sender.agent.handle };
    expect((await as(recipient, 'POST', '/v1/mutes', mute)).status).toBeLessThan(300);
    await send('muted');
    expect((await as(recipient, 'DELETE', `/v1/mutes/agent/${sender.agent.handle}`)).status).toBeLessThan(300);
    await send('heard');
    await receiver.received(1);
    expect(receiver.requests.map(textOf)).toEqual(['heard']);
  });

  test('webhooks#16: a webhook that is deleted gets nothing more, also not what was scheduled', async () => {
    receiver.answer(500);
    const message = await send('never again');
    await receiver.received(1);
    await waitFor(async () => (await database.deliveries.findOne({ messageId: message.id }))?.status === 'failed');
    const { webhooks } = (await as(recipient, 'GET', '/v1/webhooks')).body;
    expect((await as(recipient, 'DELETE', `/v1/webhooks/${webhooks[0].id}`)).status).toBe(200);
    await send('nobody listens');
    expect(await database.deliveries.countDocuments({ agentId: recipient.agent._id })).toBe(0);
    expect(receiver.requests).toHaveLength(1);
  });

  test('first attempts are woken by the commit: most start long before a timer would have looked', async () => {
    const latencies: number[] = [];
    for (let sent = 0; sent < 15; sent += 1) {
      const message = await send(`message ${sent}`);
      await receiver.received(sent + 1);
      latencies.push((receiver.requests[sent]?.atMs ?? Infinity) - Date.parse(message.created_at));
    }
    latencies.sort((one, other) => one - other);
    // One after the other, each would wait for most of a second if only the timer looked.
    expect(latencies[7]).toBeLessThan(500);
  });
});
