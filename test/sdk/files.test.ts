import { createHash } from 'node:crypto';
import type { Database } from '../../store/database';
import { pictureAs } from '../support/images';
import { SdkAgent } from '../support/sdk';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase } from '../support/traffic';

const bytes = Buffer.from('name,value\na,1\n');

describe('pictures and attachments through the published SDK', () => {
  let stack: Stack;
  let database: Database;
  let ada: SdkAgent;
  let bob: SdkAgent;

  beforeAll(async () => {
    stack = await startStack({ workers: 0 });
    database = openStackDatabase(stack);
    ada = await SdkAgent.create(database, stack.baseUrls[0] ?? '');
    bob = await SdkAgent.create(database, stack.baseUrls[0] ?? '');
  });
  afterAll(async () => {
    await database.client.close();
    await stack.stop();
  });

  /** The api says the port that it was configured with; here it listens on another one. */
  const here = (url: string): string => (stack.baseUrls[0] ?? '') + new URL(url).pathname + new URL(url).search;

  test('setAvatar and removeAvatar', async () => {
    const { avatar_key, avatar_url } = await ada.client.setAvatar(
      `@${ada.handle}`,
      new Uint8Array(await pictureAs('jpeg')),
    );
    expect(avatar_url.endsWith(`/avatars/${avatar_key}`)).toBe(true);
    expect((await fetch(here(avatar_url))).headers.get('content-type')).toBe('image/webp');
    expect((await ada.client.getMe()).avatar_url).toBe(avatar_url);
    expect(await ada.client.removeAvatar(ada.handle)).toEqual({ ok: true });
    await expect(ada.client.removeAvatar(ada.handle)).rejects.toMatchObject({ name: 'NotFoundError' });
    await expect(ada.client.setAvatar(ada.handle, new Uint8Array(20))).rejects.toMatchObject({
      code: 'UNSUPPORTED_FORMAT',
    });
  });

  test('createUpload, a message with the attachment, getAttachmentDownloadUrl', async () => {
    const slot = await ada.client.createUpload({
      to: bob.handle,
      filename: 'table.csv',
      content_type: 'text/csv',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect((await fetch(here(slot.upload_url), { method: 'PUT', body: new Uint8Array(bytes) })).status).toBe(200);
    const { message } = await ada.client.sendMessage({
      to: `@${bob.handle}`,
      type: 'file',
      content: { attachment_id: slot.attachment_id },
    });
    expect(message.content).toEqual({ attachment_id: slot.attachment_id });
    const url = await bob.client.getAttachmentDownloadUrl(slot.attachment_id);
    expect(await (await fetch(here(url))).text()).toBe(bytes.toString());
    await expect(bob.client.getAttachmentDownloadUrl('att_AAAAAAAAAAAAAAAA')).rejects.toMatchObject({
      name: 'NotFoundError',
      code: 'ATTACHMENT_NOT_FOUND',
    });
  });
});
