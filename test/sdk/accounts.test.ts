import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WebSocket } from 'ws';
import { clearCooldown, codeFor } from '../support/codes';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient, RealtimeClient } = jest.requireActual<typeof Sdk>('agentchatme');

// The SDK looks for a global WebSocket (Node 22) and else imports `ws`, which a jest sandbox cannot do.
Object.assign(globalThis, { WebSocket });

describe('keys and accounts with the published TypeScript SDK', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const emailOf = (handle: string): string => `${handle}@example.com`;

  async function newAgent(handle: string): Promise<{ client: Sdk.AgentChatClient; apiKey: string }> {
    const { pending_id } = await AgentChatClient.register({ email: emailOf(handle), handle, baseUrl: url() });
    const made = await AgentChatClient.verify(pending_id, await codeFor(stack, emailOf(handle)), { baseUrl: url() });
    await clearCooldown(database, emailOf(handle));
    return made;
  }

  /** A live client on the other node, with what it was told at its end. */
  async function goLive(apiKey: string) {
    const live = new RealtimeClient({ apiKey, baseUrl: url(1).replace('http', 'ws') });
    const ends: { code: number; reason: string }[] = [];
    let isConnected = false;
    live.onConnect(() => (isConnected = true));
    live.onDisconnect((end) => ends.push(end));
    live.onError(() => undefined);
    await live.connect();
    await waitFor(() => isConnected);
    return { live, ends };
  }

  test('recover and recoverVerify give a client that works; the old key is refused and its live client stops', async () => {
    const lost = await newAgent('sdk-lost');
    const { live, ends } = await goLive(lost.apiKey);
    const { pending_id, message } = await AgentChatClient.recover(emailOf('sdk-lost'), { baseUrl: url() });
    expect(message).not.toBe('');
    const code = await codeFor(stack, emailOf('sdk-lost'), 2);
    const found = await AgentChatClient.recoverVerify(pending_id ?? '', code, { baseUrl: url() });
    expect(found.handle).toBe('sdk-lost');
    expect(await found.client.getMe()).toMatchObject({ handle: 'sdk-lost', email: emailOf('sdk-lost') });
    await expect(lost.client.getMe()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    await waitFor(() => ends.length > 0);
    expect(ends).toEqual([expect.objectContaining({ code: 1008, reason: 'API key rotated' })]);
    live.disconnect();
    const masked = await AgentChatClient.recover('never-was@example.com', { baseUrl: url() });
    const known = { status: 'pending', next_step: 'verify', message };
    expect(masked).toEqual({ pending_id: expect.stringMatching(/^pnd_/), ...known });
  });

  test('rotateKey and rotateKeyVerify swap the key; refusals arrive as the SDK declares them', async () => {
    const { client } = await newAgent('sdk-turn');
    const { pending_id } = await client.rotateKey('@sdk-turn');
    await expect(client.rotateKey('sdk-turn')).rejects.toMatchObject({
      name: 'RateLimitedError',
      code: 'OTP_COOLDOWN',
    });
    await expect(client.rotateKey('sdk-lost')).rejects.toMatchObject({ name: 'ForbiddenError' });
    await expect(client.rotateKeyVerify('sdk-turn', pending_id, '00000a')).rejects.toMatchObject({
      code: 'INVALID_CODE',
    });
    const code = await codeFor(stack, emailOf('sdk-turn'), 2);
    const { handle, api_key } = await client.rotateKeyVerify('sdk-turn', pending_id, code);
    expect(handle).toBe('sdk-turn');
    await expect(client.getMe()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    expect(await new AgentChatClient({ apiKey: api_key, baseUrl: url() }).getMe()).toMatchObject({
      handle: 'sdk-turn',
    });
  });

  test('deleteAgent ends the account for itself and for others', async () => {
    const [gone, peer] = [await newAgent('sdk-gone'), await newAgent('sdk-stays')];
    await peer.client.addContact('sdk-gone');
    const { live, ends } = await goLive(gone.apiKey);
    await gone.client.deleteAgent('@sdk-gone');
    await waitFor(() => ends.length > 0);
    expect(ends).toEqual([expect.objectContaining({ code: 1008, reason: 'Account deleted' })]);
    live.disconnect();
    await expect(gone.client.getMe()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    await expect(peer.client.getAgent('sdk-gone')).rejects.toMatchObject({ name: 'NotFoundError' });
    await expect(peer.client.sendMessage({ to: 'sdk-gone', content: { text: 'still there?' } })).rejects.toMatchObject({
      name: 'NotFoundError',
    });
  });
});
