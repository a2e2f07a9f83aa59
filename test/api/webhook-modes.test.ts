import { randomBytes } from 'node:crypto';
import { call, createTestAgent, type CallAnswer, type Parsed, type TestAgent } from '../support/agents';
import { LOCAL_RECEIVERS, type Received, useReceiver } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** From the creation of a webhook to what its agent reads: the parts are proved in `test/delivery/`. */
describe('webhooks that ask for an order or for batches (webhooks.md §11.7)', () => {
  const { database, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  const as = (who: TestAgent, method: string, path: string, body?: object): Promise<CallAnswer> =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  async function send(by: TestAgent, to: TestAgent, text: string): Promise<Parsed> {
    const message = { to: to.agent.handle, client_msg_id: randomBytes(6).toString('hex'), content: { text } };
    const answer = await as(by, 'POST', '/v1/messages', message);
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body;
  }
  /** Two who may write to the third as much as they like. */
  async function three(): Promise<[TestAgent, TestAgent, TestAgent]> {
    const [ada, bob, eve] = [
      await createTestAgent(database),
      await createTestAgent(database),
      await createTestAgent(database),
    ];
    for (const sender of [ada, bob]) await send(eve, sender, 'hi');
    return [ada, bob, eve];
  }
  const hook = async (who: TestAgent, settings: object): Promise<string> => {
    const events = ['message.new', 'message.read'];
    const created = await as(who, 'POST', '/v1/webhooks', { url: receiver.url, events, ...settings });
    expect([created.status, created.body]).toEqual([201, expect.objectContaining(settings)]);
    return created.body.id;
  };
  const log = async (who: TestAgent, id: string): Promise<Parsed[]> =>
    (await as(who, 'GET', `/v1/webhooks/${id}/deliveries`)).body.deliveries;
  const envelopeOf = ({ body }: Received): Parsed => JSON.parse(body.toString('utf8'));

  test('webhooks#40: what waits for an earlier message of its conversation is held, and says why', async () => {
    const [ada, bob, eve] = await three();
    const id = await hook(eve, { ordering: 'conversation' });
    receiver.answer((response, request) => {
      const isFirst = envelopeOf(request).data.content?.text === 'first';
      if (isFirst) response.writeHead(503, { 'retry-after': '3600' }).end();
      else response.writeHead(200).end();
    });
    const first = await send(ada, eve, 'first');
    const others: Parsed[] = [];
    for (const text of ['second', 'third']) others.push(await send(ada, eve, text));
    // What is read of the conversation is of it, too.
    const reader = await send(eve, ada, 'read me');
    expect((await as(ada, 'POST', `/v1/messages/${reader.id}/read`)).status).toBeLessThan(300);
    const meanwhile = await send(bob, eve, 'meanwhile');
    const rows = await waitFor(async () => {
      const all = await database.deliveries.find({ webhookId: id }).toArray();
      const isOver = (message: Parsed, wanted: string) =>
        all.some(({ messageId, status }) => messageId === message.id && status === wanted);
      return isOver(first, 'failed') && isOver(meanwhile, 'delivered') && all.length === 5 ? all : null;
    });
    const of = (message: Parsed) => rows.find(({ messageId }) => messageId === message.id)?._id ?? '';
    const shown = new Map((await log(eve, id)).map((delivery) => [delivery.id, delivery]));
    expect(shown.get(of(first))).toMatchObject({ status: 'failed', attempts: 1, held: null });
    for (const other of others) {
      expect(shown.get(of(other))).toMatchObject({ status: 'pending', attempts: 0, held: 'ordering' });
    }
    const read = [...shown.values()].find(({ event }) => event === 'message.read');
    expect(read).toMatchObject({ status: 'pending', held: 'ordering' });
    const [other] = others;
    expect((await as(eve, 'GET', `/v1/webhooks/${id}/deliveries/${of(other)}`)).body.held).toBe('ordering');
    expect((await as(eve, 'PATCH', `/v1/webhooks/${id}`, { ordering: 'none' })).body.ordering).toBe('none');
    await waitFor(async () => {
      const left = await database.deliveries.countDocuments({ webhookId: id, status: 'pending' });
      return left === 0;
    });
  });

  test('webhooks#43: each message of a batch has its delivery, and counts as delivered with it', async () => {
    const [ada, , eve] = await three();
    const id = await hook(eve, { batching: true });
    const sent: string[] = [];
    for (let count = 0; count < 12; count += 1) sent.push((await send(ada, eve, `text ${count}`)).id);
    const rows = await waitFor(async () => {
      const all = await database.deliveries.find({ webhookId: id, status: 'delivered' }).toArray();
      return all.length === sent.length ? all : null;
    });
    const told = receiver.requests.flatMap((request) => envelopeOf(request).events.map(({ data }: Parsed) => data.id));
    expect(told).toEqual(sent);
    const requestIds = new Set(receiver.requests.map(({ headers }) => headers['x-agentchat-delivery']));
    const shown = await log(eve, id);
    expect(new Set(shown.map(({ id: own }) => own))).toEqual(new Set(rows.map(({ _id }) => _id)));
    expect(new Set(shown.map(({ batch_id }) => batch_id))).toEqual(requestIds);
    const left = (await as(eve, 'GET', '/v1/messages/sync')).text;
    for (const message of sent) expect(left).not.toContain(message);
  });
});
