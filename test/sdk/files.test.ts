import { createHash } from 'node:crypto';
import { pictureAs } from '../support/images';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { use } from '../support/use';

const bytes = Buffer.from('name,value\na,1\n');

describe('pictures and attachments through the published SDK', () => {
  const { database, url } = useStack({ workers: 0 });
  const ada = use(() => SdkAgent.create(database, url()));
  const bob = use(() => SdkAgent.create(database, url()));

  /** The api says the port that it was configured with; here it listens on another one. */
  const here = (told: string): string => url() + new URL(told).pathname + new URL(told).search;

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
    const download = await bob.client.getAttachmentDownloadUrl(slot.attachment_id);
    expect(await (await fetch(here(download))).text()).toBe(bytes.toString());
    await expect(bob.client.getAttachmentDownloadUrl('att_AAAAAAAAAAAAAAAA')).rejects.toMatchObject({
      name: 'NotFoundError',
      code: 'ATTACHMENT_NOT_FOUND',
    });
  });
});
