import { healthQuery, webhookFlowId, type WebhookFlowView } from '../../workflows/messages/webhook';
import { call, createTestAgent } from '../support/agents';
import { traceOf } from '../support/flow-traces';
import { startReceiver, LOCAL_RECEIVERS } from '../support/receiver';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** The dev server, with its search attributes; timers are the subject of webhook-timers.test.ts. */
describe('an endpoint in trouble, seen by an operator', () => {
  const { stack, database, client: temporal, url } = useStack({ env: { LOG_LEVEL: 'debug', ...LOCAL_RECEIVERS } });

  test('one flow per endpoint is found by handle and webhook, and holds no URL, secret or text', async () => {
    const receiver = await startReceiver('/private-path-token');
    receiver.answer((response, _, count) => response.writeHead(count <= 2 ? 500 : 200).end());
    const [sender, recipient] = [await createTestAgent(database), await createTestAgent(database)];
    const as = (who: typeof sender, path: string, body: object) => call(url(), 'POST', path, { key: who.apiKey, body });
    const webhook = (await as(recipient, '/v1/webhooks', { url: receiver.url, events: ['message.new'] })).body;
    const message = { to: recipient.agent.handle, client_msg_id: 'one', content: { text: 'private words' } };
    await as(sender, '/v1/messages', message);
    await as(recipient, '/v1/messages', { to: sender.agent.handle, client_msg_id: 'reply', content: { text: 'ok' } });
    await as(sender, '/v1/messages', { ...message, client_msg_id: 'two' });
    const flow = temporal.workflow.getHandle(webhookFlowId(webhook.id));
    const view = await waitFor(() => flow.query<WebhookFlowView | null, []>(healthQuery));
    expect(view).toMatchObject({ stage: 'retrying', breaker: 'closed' });
    await waitFor(async () => (await flow.describe()).typedSearchAttributes.getAll().length >= 3);
    const attributes = (await flow.describe()).typedSearchAttributes.getAll().map(({ value }) => value);
    expect(attributes).toEqual(expect.arrayContaining([webhook.id, recipient.agent.handle, 'retrying']));
    expect(await flow.result()).toMatchObject({ stage: 'healthy', delivered: 2, dead: 0 });
    expect(receiver.requests).toHaveLength(4);

    const logs = [...stack.apis, ...stack.workers].flatMap((child) => child.tail()).join('\n');
    expect(logs).toContain('"event":"request"');
    for (const text of [await traceOf(flow), logs]) {
      for (const hidden of ['private-path-token', webhook.secret, 'private words', recipient.apiKey]) {
        expect(text).not.toContain(hidden);
      }
    }
    await receiver.close();
  });
});
