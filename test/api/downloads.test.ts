import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestAgent } from '../support/agents';
import { attachmentCalls, declared, outcome, type File } from '../support/attachments';
import { useFolder } from '../support/folder';
import { useStack } from '../support/use-stack';

describe('parts of downloads', () => {
  const file: File = { bytes: randomBytes(300_000), filename: 'large.pdf', contentType: 'application/pdf' };
  const etag = `"${declared(file).sha256}"`;
  let fileUrl: string;

  const folder = useFolder('blobs');
  const { database, url } = useStack(() => ({ workers: 0, env: { BLOB_STORE: `file:${folder.path}` } }));
  const files = attachmentCalls(url);

  beforeAll(async () => {
    const [ada, bob] = [await createTestAgent(database), await createTestAgent(database)];
    const id = await files.upload(ada, { to: bob.agent.handle }, file);
    fileUrl = files.here((await files.ask(bob, id)).headers.get('location') ?? '');
  });

  const get = (headers: Record<string, string>): Promise<Response> => fetch(fileUrl, { headers });
  const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());
  const shown = (response: Response, ...names: string[]) => names.map((name) => response.headers.get(name));

  test('the whole names its version and that parts of it can be had', async () => {
    const whole = await get({});
    expect([whole.status, ...shown(whole, 'etag', 'accept-ranges', 'content-range', 'cache-control')]).toEqual([
      200,
      etag,
      'bytes',
      null,
      'private, no-store',
    ]);
    expect((await bytesOf(whole)).equals(file.bytes)).toBe(true);
  });

  test('a download that broke off goes on where it was, byte for byte', async () => {
    const first = await get({ range: 'bytes=0-99999' });
    expect([first.status, ...shown(first, 'content-range', 'content-length', 'content-type')]).toEqual([
      206,
      'bytes 0-99999/300000',
      '100000',
      'application/pdf',
    ]);
    const rest = await get({ range: 'bytes=100000-', 'if-range': etag });
    expect([rest.status, ...shown(rest, 'content-range')]).toEqual([206, 'bytes 100000-299999/300000']);
    expect(Buffer.concat([await bytesOf(first), await bytesOf(rest)]).equals(file.bytes)).toBe(true);
    const end = await get({ range: 'bytes=-7' });
    expect((await bytesOf(end)).equals(file.bytes.subarray(-7))).toBe(true);
  });

  test('a part of another version, several parts and nonsense get the whole', async () => {
    const asked: Record<string, string>[] = [
      { range: 'bytes=5-9', 'if-range': '"another"' },
      { range: 'bytes=0-1,5-6' },
      { range: 'bytes=nonsense' },
    ];
    for (const headers of asked) {
      const answer = await get(headers);
      expect([answer.status, (await bytesOf(answer)).length]).toEqual([200, file.bytes.length]);
    }
  });

  test('a part beyond the end is 416 with the length; without a valid signature a part is 403', async () => {
    const beyond = await get({ range: 'bytes=300000-' });
    expect([beyond.status, ...shown(beyond, 'content-range'), await beyond.text()]).toEqual([
      416,
      'bytes */300000',
      '',
    ]);
    const forged = await fetch(
      fileUrl.replace(/signature=(.)/, (_, first) => `signature=${first === 'A' ? 'B' : 'A'}`),
      { headers: { range: 'bytes=0-1' } },
    );
    expect(await outcome(forged)).toEqual([403, 'FORBIDDEN']);
  });

  test('parts of bytes that are gone are 404, the missing one too', async () => {
    for (const name of await readdir(folder.path, { recursive: true, withFileTypes: true })) {
      if (name.isFile()) await rm(join(name.parentPath, name.name));
    }
    for (const range of ['bytes=0-1', 'bytes=300000-']) {
      expect(await outcome(await get({ range }))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    }
  });
});
