import { call, createTestAgent } from '../support/agents';
import { startReceiver, LOCAL_RECEIVERS } from '../support/receiver';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';

describe('a message whose process dies right after its commit', () => {
  const receiver = use(startReceiver, (receiver) => receiver.close());
  const { stack, database, url } = useStack({ workers: 0, env: LOCAL_RECEIVERS });

  test('webhooks#17, webhooks#G1: an intent of an api that died is sent once, however many workers come up', async () => {
    const [sender, recipient] = [await createTestAgent(database), await createTestAgent(database)];
    const as = (who: typeof sender, path: string, body: object) => call(url(), 'POST', path, { key: who.apiKey, body });
    expect((await as(recipient, '/v1/webhooks', { url: receiver.url, events: ['message.new'] })).status).toBe(201);
    const message = { to: recipient.agent.handle, client_msg_id: 'last-words', content: { text: 'last words' } };
    expect((await as(sender, '/v1/messages', message)).status).toBe(201);
    // Nobody but the commit knows of it by now.
    for (const api of stack.apis) await stack.kill(api);
    expect(await database.deliveries.countDocuments()).toBe(0);
    await Promise.all([stack.startWorker(), stack.startWorker()]);
    const [request] = await receiver.received(1);
    expect(JSON.parse(request?.body.toString('utf8') ?? '')).toMatchObject({
      event: 'message.new',
      data: { content: { text: 'last words' } },
    });
    await stack.startApi();
    await as(sender, '/v1/messages', message);
    expect(await database.deliveries.countDocuments()).toBe(1);
    expect(receiver.requests).toHaveLength(1);
  });
});
