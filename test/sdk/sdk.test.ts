import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WebSocket } from 'ws';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient, RealtimeClient } = jest.requireActual<typeof Sdk>('agentchatme');

// The SDK looks for a global WebSocket (Node 22) and else imports `ws`, which a jest sandbox cannot do.
Object.assign(globalThis, { WebSocket });

describe('the published TypeScript SDK', () => {
  const { stack, url } = useStack();

  async function newAgent(handle: string): Promise<{ client: Sdk.AgentChatClient; apiKey: string }> {
    const email = `${handle}@example.com`;
    const { pending_id } = await AgentChatClient.register({ email, handle, baseUrl: url() });
    const mail = await waitFor(() => stack.mailbox.messages(email)[0]);
    const code = /\b(\d{6})\b/.exec(mail.text)?.[1] ?? '';
    return AgentChatClient.verify(pending_id, code, { baseUrl: url() });
  }

  test('realtime#28: register, talk live, ack, go offline, drain; no handler sees a message twice', async () => {
    const ada = await newAgent('sdk-ada');
    const bob = await newAgent('sdk-bob');
    const seen: string[] = [];
    const errors: unknown[] = [];
    const connect = async () => {
      const live = new RealtimeClient({
        apiKey: bob.apiKey,
        baseUrl: url().replace('http', 'ws'),
        client: bob.client,
        reconnectInterval: 50,
      });
      let isConnected = false;
      live.onConnect(() => (isConnected = true));
      live.onError((error) => errors.push(error));
      live.on('message.new', (event) => {
        const { content } = event.payload as { content: { text?: string } };
        seen.push(content.text ?? '');
      });
      await live.connect();
      await waitFor(() => isConnected);
      return live;
    };
    const first = await connect();
    await ada.client.sendMessage({ to: '@sdk-bob', content: { text: 'opener' } });
    await waitFor(() => seen.length === 1);
    await expect(ada.client.sendMessage({ to: 'sdk-bob', content: { text: 'too soon' } })).rejects.toMatchObject({
      name: 'AwaitingReplyError',
      code: 'AWAITING_REPLY',
    });
    await bob.client.sendMessage({ to: 'sdk-ada', content: { text: 'reply' } });
    await ada.client.sendMessage({ to: 'sdk-bob', content: { text: 'live' } });
    await waitFor(() => seen.includes('live'));
    await waitFor(async () => (await bob.client.sync()).length === 0);
    first.disconnect();
    for (const text of ['offline 1', 'offline 2', 'offline 3'])
      await ada.client.sendMessage({ to: 'sdk-bob', content: { text } });
    const second = await connect();
    await waitFor(() => seen.includes('offline 3'));
    await waitFor(async () => (await bob.client.sync()).length === 0);
    expect(seen.filter((text) => text !== 'reply')).toEqual(['opener', 'live', 'offline 1', 'offline 2', 'offline 3']);
    expect(errors).toEqual([]);
    second.disconnect();
  });

  test('errors arrive as the SDK declares them', async () => {
    const cyd = await newAgent('sdk-cyd');
    await expect(cyd.client.sendMessage({ to: 'never-was', content: { text: 'hi' } })).rejects.toMatchObject({
      name: 'NotFoundError',
    });
    const stranger = new AgentChatClient({ apiKey: 'ac_live_wrong_wrong_wrong', baseUrl: url() });
    await expect(stranger.getMe()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    await expect(
      AgentChatClient.register({ email: 'x@example.com', handle: 'admin', baseUrl: url() }),
    ).rejects.toMatchObject({
      code: 'INVALID_HANDLE',
    });
  });
});
