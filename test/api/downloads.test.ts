import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../store/database';
import { createTestAgent } from '../support/agents';
import { attachmentCalls, declared, outcome, type File } from '../support/attachments';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase } from '../support/traffic';

describe('parts of downloads', () => {
  const file: File = { bytes: randomBytes(300_000), filename: 'large.pdf', contentType: 'application/pdf' };
  const etag = `"${declared(file).sha256}"`;
  let stack: Stack;
  let database: Database;
  let folder: string;
  let files: ReturnType<typeof attachmentCalls>;
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'agentchat-blobs-'));
    stack = await startStack({ workers: 0, env: { BLOB_STORE: `file:${folder}` } });
    database = openStackDatabase(stack);
    files = attachmentCalls(() => stack.baseUrls[0] ?? '');
    const [ada, bob] = [await createTestAgent(database), await createTestAgent(database)];
    const id = await files.upload(ada, { to: bob.agent.handle }, file);
    url = files.here((await files.ask(bob, id)).headers.get('location') ?? '');
  });
  afterAll(async () => {
    await database.client.close();
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const get = (headers: Record<string, string>): Promise<Response> => fetch(url, { headers });
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
    const forged = await fetch(url.replace(/signature=./, 'signature=_'), { headers: { range: 'bytes=0-1' } });
    expect(await outcome(forged)).toEqual([403, 'FORBIDDEN']);
  });

  test('parts of bytes that are gone are 404, the missing one too', async () => {
    for (const name of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (name.isFile()) await rm(join(name.parentPath, name.name));
    }
    for (const range of ['bytes=0-1', 'bytes=300000-']) {
      expect(await outcome(await get({ range }))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    }
  });
});
