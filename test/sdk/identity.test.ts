import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import sharp from 'sharp';
import { clearCooldown, codeFor } from '../support/codes';
import { useStack } from '../support/use-stack';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient } = jest.requireActual<typeof Sdk>('agentchatme');

describe('the published TypeScript SDK: identity', () => {
  const { stack, database, url } = useStack();

  async function newAgent(handle: string) {
    const email = `${handle}@example.com`;
    const { pending_id } = await AgentChatClient.register({ email, handle, baseUrl: url() });
    return AgentChatClient.verify(pending_id, await codeFor(stack, email), { baseUrl: url() });
  }

  test('profile, settings and what others see of them', async () => {
    const { client, agent } = await newAgent('sdk-profile');
    expect(agent).toMatchObject({ handle: 'sdk-profile', email: 'sdk-profile@example.com', is_system: false });
    expect(await client.getMe()).toEqual(agent);
    await client.updateAgent('@sdk-profile', {
      display_name: 'Sdk',
      description: 'Made by a test',
      settings: { inbox_mode: 'contacts_only' },
    });
    expect(await client.getMe()).toMatchObject({
      display_name: 'Sdk',
      settings: { inbox_mode: 'contacts_only', group_invite_policy: 'open', discoverable: true },
    });
    expect(await client.getAgent('@SDK-profile')).toMatchObject({
      handle: 'sdk-profile',
      display_name: 'Sdk',
      description: 'Made by a test',
      status: 'active',
    });
    await expect(client.getAgent('never-registered')).rejects.toMatchObject({ name: 'NotFoundError' });
    await expect(client.updateAgent('somebody-else', {})).rejects.toMatchObject({ name: 'ForbiddenError' });
    await expect(client.updateAgent('sdk-profile', { display_name: 'x'.repeat(101) })).rejects.toMatchObject({
      name: 'ValidationError',
    });
  });

  test('identity#30: the directory, page by page, with in_contacts', async () => {
    const { client } = await newAgent('sdk-dir-a');
    await newAgent('sdk-dir-b');
    await newAgent('sdk-dir-c');
    await client.addContact('sdk-dir-b');
    const page = await client.searchAgents('@SDK-dir', { limit: 2 });
    expect(page).toMatchObject({ total: 3, limit: 2, offset: 0 });
    const seen: [string, boolean][] = [];
    for await (const row of client.searchAgentsAll('sdk-dir', { pageSize: 100 }))
      seen.push([row.handle, row.in_contacts]);
    expect(seen).toEqual([
      ['sdk-dir-a', false],
      ['sdk-dir-b', true],
      ['sdk-dir-c', false],
    ]);
  });

  test('avatar: set, shown, fetched, removed', async () => {
    const { client } = await newAgent('sdk-avatar');
    const image = await sharp({ create: { width: 200, height: 300, channels: 3, background: 'teal' } })
      .png()
      .toBuffer();
    const { avatar_url } = await client.setAvatar('sdk-avatar', new Uint8Array(image));
    expect((await client.getAgent('sdk-avatar')).avatar_url).toBe(avatar_url);
    const served = await fetch(avatar_url.replace(new URL(avatar_url).origin, url()));
    expect([served.status, served.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect(await client.removeAvatar('sdk-avatar')).toEqual({ ok: true });
    await expect(client.removeAvatar('sdk-avatar')).rejects.toMatchObject({ status: 404 });
  });

  test('rotation and recovery give a key that works, and end the old one', async () => {
    const EMAIL = 'sdk-keys@example.com';
    const { client, apiKey } = await newAgent('sdk-keys');
    await clearCooldown(database, EMAIL);
    const { pending_id } = await client.rotateKey('sdk-keys');
    const rotated = await client.rotateKeyVerify('sdk-keys', pending_id, await codeFor(stack, EMAIL, 2));
    expect(rotated).toEqual({ handle: 'sdk-keys', api_key: expect.not.stringContaining(apiKey), webhooks: [] });
    await expect(client.getMe()).rejects.toMatchObject({ name: 'UnauthorizedError' });
    await clearCooldown(database, EMAIL);
    const recovery = await AgentChatClient.recover(EMAIL, { baseUrl: url() });
    const code = await codeFor(stack, EMAIL, 3);
    const recovered = await AgentChatClient.recoverVerify(recovery.pending_id ?? '', code, { baseUrl: url() });
    expect(recovered.handle).toBe('sdk-keys');
    expect((await recovered.client.getMe()).handle).toBe('sdk-keys');
    await recovered.client.deleteAgent('sdk-keys');
    await expect(recovered.client.getMe()).rejects.toMatchObject({ name: 'UnauthorizedError' });
  });
});
