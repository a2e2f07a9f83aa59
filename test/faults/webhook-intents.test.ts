import { call, createTestAgent } from '../support/agents';
import { startReceiver, type Receiver } from '../support/receiver';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase } from '../support/traffic';
import type { Database } from '../../store/database';

describe('a message whose process dies right after its commit', () => {
  let stack: Stack;
  let database: Database;
  let receiver: Receiver;

  beforeAll(async () => {
    receiver = await startReceiver();
    stack = await startStack({ workers: 0, env: { WEBHOOK_ALLOW_HTTP: 'on', WEBHOOK_ALLOW_PRIVATE: 'on' } });
    database = openStackDatabase(stack);
  });
  afterAll(async () => {
    await database.client.close();
    await stack.stop();
    await receiver.close();
  });

  test('webhooks#17, webhooks#G1: its webhook is sent all the same, once, whatever the number of workers that come up', async () => {
    const [sender, recipient] = [await createTestAgent(database), await createTestAgent(database)];
    const as = (who: typeof sender, path: string, body: object) =>
      call(stack.baseUrls[0] ?? '', 'POST', path, { key: who.apiKey, body });
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
