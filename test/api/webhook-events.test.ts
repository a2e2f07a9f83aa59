import { call, createTestAgent, type CallAnswer, type Parsed, type TestAgent } from '../support/agents';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

describe('the catch-up list of events (webhooks.md §11.2)', () => {
  const { database, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  const as = (who: TestAgent, method: string, path: string, body?: object): Promise<CallAnswer> =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  let sent = 0;
  const send = async (by: TestAgent, to: TestAgent): Promise<Parsed> => {
    const message = { to: to.agent.handle, client_msg_id: `m-${(sent += 1)}`, content: { text: `text ${sent}` } };
    return (await as(by, 'POST', '/v1/messages', message)).body;
  };
  async function friends(): Promise<[TestAgent, TestAgent]> {
    const [ada, bob] = [await createTestAgent(database), await createTestAgent(database)];
    await send(bob, ada);
    await send(ada, bob);
    return [ada, bob];
  }
  const hook = async (who: TestAgent): Promise<string> =>
    (await as(who, 'POST', '/v1/webhooks', { url: receiver.url, events: ['message.new'] })).body.id;
  async function allEvents(who: TestAgent, id: string, query: Record<string, string>): Promise<Parsed[]> {
    const found: Parsed[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const asked = new URLSearchParams({ ...query, ...(cursor === '' ? {} : { cursor }) });
      const { status, body } = await as(who, 'GET', `/v1/webhooks/${id}/events?${asked}`);
      expect(status).toBe(200);
      found.push(...body.events);
      cursor = body.next_cursor;
    }
    return found;
  }

  test('webhooks#32: events are listed oldest first, each once, with what became of them', async () => {
    const [ada, bob] = await friends();
    const early = await send(ada, bob);
    const id = await hook(bob);
    const messages = [await send(ada, bob), await send(ada, bob), await send(ada, bob)];
    await receiver.received(3);
    await waitFor(async () => (await database.deliveries.countDocuments({ webhookId: id, status: 'delivered' })) === 3);
    const events = await allEvents(bob, id, { limit: '2' });
    // The first one, and `early`, came before the webhook.
    expect(events.map(({ data }) => data.id).slice(1)).toEqual([early, ...messages].map((one) => one.id));
    expect(events.map(({ status }) => status)).toEqual([null, null, 'delivered', 'delivered', 'delivered']);
    expect(events.map(({ delivery_id }) => delivery_id === null)).toEqual([true, true, false, false, false]);
    const request = receiver.requests.find(({ body }) => body.includes(messages[0].id));
    const { delivery_id, status, ...told } = events.find(({ data }) => data.id === messages[0].id) ?? {};
    expect(told).toEqual(JSON.parse(request?.body.toString('utf8') ?? ''));
    expect([delivery_id, status]).toEqual([request?.headers['x-agentchat-delivery'], 'delivered']);
  });

  // Whatever is expanded in one round has one time: without the order of the events, ids would decide, which are random.
  test('webhooks.md §11.2: what became deliveries in one millisecond is in the order of the events', async () => {
    const [ada, bob] = await friends();
    const id = await hook(bob);
    const messages: Parsed[] = [];
    for (let count = 0; count < 8; count += 1) messages.push(await send(ada, bob));
    await waitFor(async () => (await database.deliveries.countDocuments({ webhookId: id, status: 'delivered' })) === 8);
    const at = new Date();
    await database.deliveries.updateMany({ webhookId: id }, { $set: { createdAt: at } });
    const wanted = messages.map((one) => one.id);
    for (const limit of ['1', '3', '50']) {
      const events = await allEvents(bob, id, { since: at.toISOString(), limit });
      expect([limit, events.map(({ data }) => data.id)]).toEqual([limit, wanted]);
    }
    const rows = await database.deliveries.find({ webhookId: id }).toArray();
    const messageOf = new Map(rows.map((row) => [row._id, row.messageId]));
    const { body } = await as(bob, 'GET', `/v1/webhooks/${id}/deliveries`);
    expect(body.deliveries.map((one: Parsed) => messageOf.get(one.id))).toEqual([...wanted].reverse());
    const later = new Date(at.getTime() + 1);
    const newest = messages.slice(5).map((one) => one.id);
    await database.deliveries.updateMany({ messageId: { $in: newest } }, { $set: { createdAt: later } });
    const events = await allEvents(bob, id, { since: later.toISOString(), limit: '2' });
    expect(events.map(({ data }) => data.id)).toEqual(newest);
  });

  test('webhooks.md §11.2: an event that was sent again is listed once, with its newest delivery', async () => {
    const [ada, bob] = await friends();
    const id = await hook(bob);
    receiver.answer(400);
    const message = await send(ada, bob);
    await receiver.received(1);
    const row = await waitFor(() => database.deliveries.findOne({ messageId: message.id, status: 'failed' }));
    receiver.answer(200);
    const path = `/v1/webhooks/${id}/deliveries/${row._id}/redeliver`;
    const again = await as(bob, 'POST', path, { wait: true });
    expect(again.status).toBe(202);
    const [event] = (await allEvents(bob, id, {})).slice(-1);
    expect(event).toMatchObject({ data: { id: message.id }, delivery_id: again.body.id, status: 'delivered' });
  });

  test('webhooks.md §11.2: muted messages are no events, and a foreign webhook is unknown', async () => {
    const [ada, bob] = await friends();
    const id = await hook(bob);
    const mute = { target_kind: 'agent', target_handle: ada.agent.handle };
    expect((await as(bob, 'POST', '/v1/mutes', mute)).status).toBeLessThan(300);
    const muted = await send(ada, bob);
    const events = await allEvents(bob, id, {});
    expect(events.map(({ data }) => data.id)).not.toContain(muted.id);
    const foreign = await as(ada, 'GET', `/v1/webhooks/${id}/events`);
    expect([foreign.status, foreign.text]).toEqual([404, (await as(ada, 'GET', '/v1/webhooks/whk_none/events')).text]);
    expect((await as(ada, 'POST', `/v1/webhooks/${id}/recover`, { since: new Date().toISOString() })).status).toBe(404);
  });

  test('webhooks.md §11.2: bad times and cursors are 400', async () => {
    const [, bob] = await friends();
    const id = await hook(bob);
    for (const query of ['since=now', 'cursor=abc']) {
      expect([query, (await as(bob, 'GET', `/v1/webhooks/${id}/events?${query}`)).status]).toEqual([query, 400]);
    }
    const since = new Date().toISOString();
    for (const body of [{}, { since: 1 }, { since, until: since }, { since, status: 'delivered' }]) {
      expect([body, (await as(bob, 'POST', `/v1/webhooks/${id}/recover`, body)).body.code]).toEqual([
        body,
        'VALIDATION_ERROR',
      ]);
    }
  });
});
