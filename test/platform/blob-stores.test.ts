import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { BlobStore } from '../../platform/blobs/blob-store';
import { createFileStore } from '../../platform/blobs/file-store';
import { createS3Store } from '../../platform/blobs/s3-store';
import { verified } from '../../platform/blobs/verified';
import { startS3, type S3Server } from '../support/s3';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const PLAIN = { contentType: 'text/plain' };

/** One suite against the interface, for each store. */
describe.each(['file', 's3'] as const)('the %s store', (kind) => {
  let s3: S3Server | null = null;
  let folder: string;
  let store: BlobStore;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'agentchat-blobs-'));
    if (kind === 'file') {
      store = createFileStore(folder);
      return;
    }
    s3 = await startS3();
    Object.assign(process.env, s3.credentials);
    store = createS3Store({ bucket: s3.bucket, region: 'us-east-1', endpoint: s3.endpoint });
  });
  afterAll(async () => {
    store.close();
    await s3?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const put = (key: string, bytes: Buffer): Promise<void> => store.put(key, bytes, { bytes: bytes.length, ...PLAIN });
  const read = async (key: string): Promise<Buffer | null> => {
    const blob = await store.get(key);
    return blob === null ? null : buffer(blob.content);
  };

  test('gives back what was put, replaces it as a whole, and removes it', async () => {
    const [one, other] = [randomBytes(300_000), randomBytes(10)];
    await put('things/a', one);
    expect((await read('things/a'))?.equals(one)).toBe(true);
    await store.put('things/a', Readable.from([other]), { bytes: other.length, ...PLAIN });
    expect((await read('things/a'))?.equals(other)).toBe(true);
    const info = await store.stat('things/a');
    expect([info?.key, info?.bytes]).toEqual(['things/a', 10]);
    expect(Math.abs(Date.now() - (info?.modifiedAt.getTime() ?? 0))).toBeLessThan(60_000);
    await store.remove('things/a');
    await store.remove('things/a');
    expect([await store.get('things/a'), await store.stat('things/a')]).toEqual([null, null]);
  });

  test('gives a part of what was put, first and last byte included', async () => {
    const bytes = randomBytes(200_000);
    await put('things/part', bytes);
    for (const [first, last] of [
      [0, 0],
      [10, 99_999],
      [199_999, 199_999],
    ] as const) {
      const blob = await store.get('things/part', { first, last });
      expect(blob?.bytes).toBe(bytes.length);
      if (blob === null) throw new Error('the object is gone');
      expect((await buffer(blob.content)).equals(bytes.subarray(first, last + 1))).toBe(true);
    }
    expect(await store.get('things/none', { first: 0, last: 1 })).toBeNull();
  });

  test('lists every object below a prefix once, page by page', async () => {
    const keys = Array.from({ length: 23 }, (_, index) => `pages/object-${index}`);
    for (const key of keys) await put(key, Buffer.from(key));
    await put('pagesother/x', Buffer.from('x'));
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page = await store.list('pages/', { after, limit: 5 });
      expect(page.blobs.length).toBeLessThanOrEqual(5);
      seen.push(...page.blobs.map(({ key }) => key));
      after = page.next;
    } while (after !== null);
    expect(seen.sort()).toEqual(keys.sort());
    expect(await store.list('nothing/', { after: null, limit: 5 })).toEqual({ blobs: [], next: null });
  });

  test.each([
    ['SIZE_MISMATCH', Buffer.from('shor')],
    ['CHECKSUM_MISMATCH', Buffer.from('wrong')],
    ['PAYLOAD_TOO_LARGE', Buffer.from('longer than that')],
  ])('keeps nothing of a stream that turns out wrong: %s', async (code, bytes) => {
    const declared = { bytes: 5, sha256: sha256(Buffer.from('right')) };
    const checked = pipeline(
      Readable.from([bytes.subarray(0, 2), bytes.subarray(2)]),
      verified(declared),
      () => undefined,
    );
    await expect(store.put('wrong/a', checked, { ...PLAIN, bytes: 5 })).rejects.toMatchObject({ code });
    expect(await store.stat('wrong/a')).toBeNull();
  });

  test('keeps nothing of a stream that breaks off, and tells why it broke', async () => {
    const source = new PassThrough();
    const putting = store.put('broken/a', source, { bytes: 1_000_000, ...PLAIN });
    source.write(Buffer.alloc(100_000));
    source.destroy(new Error('gone'));
    await expect(putting).rejects.toThrow('gone');
    expect(await store.stat('broken/a')).toBeNull();
    if (kind === 'file') expect(await readdir(join(folder, '.unfinished'))).toEqual([]);
  });

  test('memory does not grow with the size of an object', async () => {
    const chunk = randomBytes(65_536);
    const chunks = 1_600;
    async function* bytes(): AsyncGenerator<Buffer> {
      for (let index = 0; index < chunks; index += 1) yield chunk;
    }
    const before = process.memoryUsage().rss;
    await store.put('large/a', Readable.from(bytes(), { objectMode: false }), {
      bytes: chunk.length * chunks,
      ...PLAIN,
    });
    let read = 0;
    for await (const part of (await store.get('large/a'))?.content ?? []) read += (part as Buffer).length;
    expect(read).toBe(chunk.length * chunks);
    // 100 MiB went through twice; what stays is the allocator's.
    expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1_048_576);
    await store.remove('large/a');
  });

  test('says when it is up', async () => {
    expect(await store.isUp()).toBe(true);
    const down =
      kind === 'file'
        ? createFileStore('/dev/null/nowhere')
        : createS3Store({ bucket: 'any', region: 'us-east-1', endpoint: 'http://127.0.0.1:9' });
    expect(await down.isUp()).toBe(false);
    await expect(down.get('a/b')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await expect(down.put('a/b', Buffer.from('x'), { bytes: 1, ...PLAIN })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    down.close();
  });
});
