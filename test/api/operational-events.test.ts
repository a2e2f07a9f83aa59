import { OPERATIONAL_WEBHOOK_EVENTS } from '../../contract/events';
import { call, createTestAgent } from '../support/agents';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack } from '../support/use-stack';

describe('operational events, from the call to the receiver', () => {
  const { database, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  test('webhooks#44: an agent subscribes to them, and a rotation arrives at its other webhook, once', async () => {
    const { apiKey: key } = await createTestAgent(database);
    const post = (path: string, body: object) => call(url(), 'POST', `/v1/webhooks${path}`, { key, body });
    const make = async (events: readonly string[]) => (await post('', { url: receiver.url, events })).body;
    const { id } = await make(['message.new', ...OPERATIONAL_WEBHOOK_EVENTS]);
    const other = await make(OPERATIONAL_WEBHOOK_EVENTS);
    expect(other.events).toEqual([...OPERATIONAL_WEBHOOK_EVENTS]);
    expect((await post(`/${id}/rotate-secret`, { overlap_seconds: 0 })).status).toBe(200);
    expect((await post(`/${other.id}/rotate-secret`, { overlap_seconds: 0 })).status).toBe(200);
    const requests = await receiver.received(2);
    const data = requests.map(({ body }) => (JSON.parse(body.toString()) as { data: { webhook_id: string } }).data);
    // Each of the two is told of the other one.
    expect(data.map(({ webhook_id }) => webhook_id).sort()).toEqual([id, other.id].sort());
    for (const { headers } of requests) expect(headers['x-agentchat-event']).toBe('webhook.secret.rotated');
    const { deliveries } = (await call(url(), 'GET', `/v1/webhooks/${other.id}/deliveries`, { key })).body;
    expect(deliveries).toHaveLength(1);
    expect(receiver.requests).toHaveLength(2);
  });
});
