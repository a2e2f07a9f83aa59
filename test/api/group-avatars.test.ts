import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { call, type TestAgent } from '../support/agents';
import { eventOf, groupCalls, outcomeOf } from '../support/groups';
import { avatarKeyOf, pictureAs } from '../support/images';
import { waitFor } from '../support/wait';
import { useFolder } from '../support/folder';
import { useStack } from '../support/use-stack';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the picture of a group', () => {
  const folder = useFolder('blobs');
  const { stack, database, url } = useStack(() => ({
    apis: 2,
    workers: 0,
    env: { RATE_LIMITS: 'on', BLOB_STORE: `file:${folder.path}` },
  }));
  const api = groupCalls(stack, database);

  const put = (who: TestAgent, groupId: string, body: Buffer, node = 0) =>
    call(url(node), 'PUT', `/v1/groups/${groupId}/avatar`, {
      key: who.apiKey,
      body: new Uint8Array(body),
    });
  const clear = (who: TestAgent, groupId: string) => api.as(who, 'DELETE', `/v1/groups/${groupId}/avatar`);

  test('set, set again, replaced by a URL, taken away: each is announced, and the group shows what it should', async () => {
    const [me, member] = await api.two();
    const groupId = await api.groupOf(me, member);
    await api.drain(member);
    const image = await pictureAs('png', 200, 160);
    const first = await put(me, groupId, image);
    expect(first.status).toBe(200);
    const again = await put(me, groupId, image, 1);
    expect(again.body).toEqual(first.body);
    expect((await api.get(member, groupId)).body.avatar_url).toBe(first.body.avatar_url);
    const shown = new URL(first.body.avatar_url).pathname;
    const served = await fetch(url() + shown);
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'image/webp',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    const key = avatarKeyOf(groupId, Buffer.from(await served.arrayBuffer()));
    expect([shown, first.body.avatar_key]).toEqual([`/avatars/${key}`, key]);
    const elsewhere = 'https://example.com/a.png';
    const patched = await api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body: { avatar_url: elsewhere } });
    expect(patched.body.avatar_url).toBe(elsewhere);
    expect((await fetch(url() + shown)).status).toBe(404);
    expect((await clear(me, groupId)).body).toEqual({ ok: true });
    expect(outcomeOf(await clear(me, groupId))).toEqual([404, 'NOT_FOUND']);
    expect((await api.get(me, groupId)).body.avatar_url).toBeNull();
    expect((await api.sync(member)).map((row) => eventOf(row).event)).toEqual(
      Array.from({ length: 4 }, () => 'avatar_changed'),
    );
  });

  test.each([
    ['an external URL', 'https://example.com/b.png'],
    ['null', null],
  ])('a managed picture that PATCH replaces by %s goes with its object in the same commit', async (_name, given) => {
    const me = await api.agent();
    const groupId = await api.groupOf(me);
    const { avatar_key: key } = (await put(me, groupId, await pictureAs('png'))).body;
    const objects = async () =>
      (await readdir(folder.path, { recursive: true })).filter((name) => name.includes(key.replaceAll('/', '-')));
    expect(await objects()).toHaveLength(1);
    // A change of something else leaves it alone.
    await api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body: { name: 'another name' } });
    expect(await database.avatars.countDocuments({ _id: key })).toBe(1);
    const patched = await api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body: { avatar_url: given }, node: 1 });
    expect([patched.status, patched.body.avatar_url]).toEqual([200, given]);
    expect(await database.avatars.countDocuments({ _id: key })).toBe(0);
    await waitFor(async () => (await objects()).length === 0);
    const again = await put(me, groupId, await pictureAs('png'));
    expect(again.body.avatar_key).toBe(key);
    expect((await fetch(url(1) + new URL(again.body.avatar_url).pathname)).status).toBe(200);
  });

  test('the picture of a deleted group goes with it: the URL from the answer on, then the bytes', async () => {
    const [me, member] = await api.two();
    const groupId = await api.groupOf(me, member);
    const { avatar_key: key, avatar_url: shownUrl } = (await put(me, groupId, await pictureAs('png'))).body;
    const shown = async (node: number) => (await fetch(url(node) + new URL(shownUrl).pathname)).status;
    expect([await shown(0), await shown(1)]).toEqual([200, 200]);
    expect((await api.deleteGroup(me, groupId)).status).toBe(200);
    expect([await shown(0), await shown(1)]).toEqual([404, 404]);
    expect(await database.avatars.countDocuments({ _id: key })).toBe(0);
    await waitFor(async () =>
      (await readdir(folder.path, { recursive: true })).every((name) => !name.includes(key.replaceAll('/', '-'))),
    );
    // A repeat takes nothing else along, and the refused one neither.
    expect(outcomeOf(await api.deleteGroup(me, groupId))).toEqual([410, 'GROUP_DELETED']);
  });

  test('an upload that races the deletion: the group is gone and nothing of the picture is left', async () => {
    const me = await api.agent();
    const groupId = await api.groupOf(me);
    const image = await pictureAs('png');
    await put(me, groupId, image);
    const [deleted, ...uploads] = await Promise.all([
      api.deleteGroup(me, groupId),
      put(me, groupId, image, 1),
      put(me, groupId, image),
    ]);
    expect(deleted.status).toBe(200);
    for (const upload of uploads) expect([200, 410]).toContain(upload.status);
    const folderOfGroup = `g/${sha256(groupId).slice(0, 16)}`;
    expect(await database.avatars.countDocuments({ _id: { $regex: `^${folderOfGroup}/` } })).toBe(0);
    await waitFor(async () =>
      (await readdir(folder.path, { recursive: true })).every(
        (name) => !name.includes(folderOfGroup.replace('/', '-')),
      ),
    );
  });

  test('any number of uploads and removals at once: what the group shows is there, and one object at most', async () => {
    const me = await api.agent();
    const groupId = await api.groupOf(me);
    const image = await pictureAs('png');
    const { avatar_key: key } = (await put(me, groupId, image)).body;
    const take = (node: number) => api.as(me, 'PATCH', `/v1/groups/${groupId}`, { body: { avatar_url: null }, node });
    await Promise.all([put(me, groupId, image), take(0), put(me, groupId, image, 1), take(1), take(0), take(1)]);
    const { avatar_url: left } = (await api.get(me, groupId)).body;
    const status = left === null ? null : (await fetch(url() + new URL(left).pathname)).status;
    expect([null, 200]).toContain(status);
    await waitFor(async () => {
      const names = await readdir(folder.path, { recursive: true });
      return names.filter((name) => name.includes(key.replaceAll('/', '-'))).length === (left === null ? 0 : 1);
    });
  });

  test('order of checks: window, group, role, image; nothing of a refused image is announced', async () => {
    const [me, member, stranger] = await api.three();
    const groupId = await api.groupOf(me, member);
    const broken = Buffer.from('not an image');
    expect(outcomeOf(await put(stranger, groupId, broken))).toEqual([404, 'GROUP_NOT_FOUND']);
    expect(outcomeOf(await put(member, groupId, broken))).toEqual([403, 'FORBIDDEN']);
    expect(outcomeOf(await put(me, groupId, Buffer.alloc(0)))).toEqual([400, 'EMPTY_BODY']);
    expect(outcomeOf(await put(me, groupId, broken))).toEqual([400, 'UNSUPPORTED_FORMAT']);
    const small = await pictureAs('png', 100, 300);
    expect(outcomeOf(await put(me, groupId, small))).toEqual([400, 'IMAGE_TOO_SMALL']);
    expect(outcomeOf(await put(me, groupId, Buffer.alloc(5_242_881)))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect((await api.sync(member)).map((row) => eventOf(row).event)).toEqual(['member_joined']);
    await api.deleteGroup(me, groupId);
    expect(outcomeOf(await put(member, groupId, small))).toEqual([410, 'GROUP_DELETED']);
    expect(outcomeOf(await clear(member, groupId))).toEqual([410, 'GROUP_DELETED']);
  });

  test('agent and group pictures share five writes a minute', async () => {
    const me = await api.agent();
    const groupId = await api.groupOf(me);
    let refused = await clear(me, groupId);
    // A minute that turns in between opens the window anew.
    for (let tries = 0; tries < 12 && refused.status !== 429; tries += 1) refused = await clear(me, groupId);
    expect(outcomeOf(refused)).toEqual([429, 'RATE_LIMITED']);
    expect(refused.body.details).toMatchObject({ scope: 'avatar_write', limit: 5 });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
