import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { Blob, BlobFacts, BlobInfo, BlobPage, BlobStore } from './blob-store';
import { guarded, SourceFault } from './failures';

/** Where writes happen until they are whole. No key can begin with a dot. */
const UNFINISHED = '.unfinished';

/** Keys end up in paths: nothing that could leave the folder or hide in it. */
const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/;

/**
 * Objects as files of one folder, for one machine (or a shared volume). `a/name` lies in `a/<2 hex>/name`: no folder
 * grows large. A write goes to a file of its own, is synced and renamed: readers see the old object or the new one,
 * and after a crash, too. What a crash leaves in `.unfinished` is removed by `removeUnfinished`.
 */
export function createFileStore(root: string): BlobStore {
  const fileOf = (key: string): string => path.join(root, relativePath(key));
  return {
    put: (key, content, facts) => guarded(() => writeWhole(root, fileOf(key), content, facts)),
    get: (key, part) =>
      guarded(async () => {
        const info = await statFile(fileOf(key), key);
        return info === null ? null : openFile(fileOf(key), info, part);
      }),
    stat: (key) => guarded(() => statFile(fileOf(key), key)),
    remove: (key) => guarded(() => rm(fileOf(key), { force: true })),
    list: (prefix, page) => guarded(() => listFiles(root, prefix, page)),
    removeUnfinished: (olderThan) => guarded(() => removeUnfinished(root, olderThan)),
    isUp: () =>
      mkdir(path.join(root, UNFINISHED), { recursive: true }).then(
        () => true,
        () => false,
      ),
    direct: null,
    close: () => undefined,
  };
}

function relativePath(key: string): string {
  if (!KEY.test(key)) throw new Error('this is no key of an object');
  const at = key.lastIndexOf('/');
  const name = key.slice(at + 1);
  const shard = createHash('sha256').update(name).digest('hex').slice(0, 2);
  return path.join(key.slice(0, at), shard, name);
}

/** Dies at any step: the target is untouched or complete. Two at once: the last rename stands. */
async function writeWhole(root: string, target: string, content: Buffer | Readable, facts: BlobFacts): Promise<void> {
  const source = Buffer.isBuffer(content) ? Readable.from([content]) : content;
  // From the first moment: a source that fails while folders are made must not fail into nobody's hands.
  let culprit: 'source' | 'store' | null = null;
  source.on('error', () => (culprit ??= 'source'));
  const folder = path.join(root, UNFINISHED);
  await mkdir(folder, { recursive: true });
  await mkdir(path.dirname(target), { recursive: true });
  const file = path.join(folder, randomUUID());
  try {
    if (source.errored !== null) throw source.errored;
    // `flush`: synced before it is closed.
    const writing = createWriteStream(file, { flags: 'wx', mode: 0o640, flush: true });
    // Whoever fails first: the pipeline then ends the other with the same error.
    writing.on('error', () => (culprit ??= 'store'));
    await pipeline(source, writing);
    if (writing.bytesWritten !== facts.bytes) throw new Error('other than the promised number of bytes came');
    await rename(file, target);
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined);
    throw isSource(culprit) ? new SourceFault(error) : error;
  }
  await syncFolder(path.dirname(target));
}

/** TypeScript does not see what listeners assign. */
const isSource = (culprit: 'source' | 'store' | null): boolean => culprit === 'source';

/** A rename is durable once its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

async function statFile(file: string, key: string): Promise<BlobInfo | null> {
  try {
    const { size, mtime } = await stat(file);
    return { key, bytes: size, modifiedAt: mtime };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Opened before it is handed out, so that a removal in between is a plain "not there". */
async function openFile(file: string, info: BlobInfo, part?: { first: number; last: number }): Promise<Blob | null> {
  const content = createReadStream(file, part === undefined ? {} : { start: part.first, end: part.last });
  return new Promise((resolve, reject) => {
    content.once('open', () => resolve({ ...info, content }));
    content.once('error', (error) => (isMissing(error) ? resolve(null) : reject(error)));
  });
}

/** In the order of shard and name; `after` is `<shard>/<name>`. Memory holds one shard's names. */
async function listFiles(
  root: string,
  prefix: string,
  page: { after: string | null; limit: number },
): Promise<BlobPage> {
  const folder = path.join(root, prefix);
  const [fromShard = '', fromName = ''] = page.after?.split('/') ?? [];
  const blobs: BlobInfo[] = [];
  for (const shard of await namesIn(folder)) {
    if (shard < fromShard) continue;
    for (const name of await namesIn(path.join(folder, shard))) {
      if (shard === fromShard && name <= fromName) continue;
      if (blobs.length === page.limit) return { blobs, next: positionOf(blobs) };
      const info = await statFile(path.join(folder, shard, name), `${prefix}${name}`);
      if (info !== null) blobs.push(info);
    }
  }
  return { blobs, next: null };
}

function positionOf(blobs: BlobInfo[]): string | null {
  const last = blobs.at(-1)?.key;
  return last === undefined ? null : relativePath(last).split(path.sep).slice(-2).join('/');
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(orNone)).sort();
}

function orNone(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}

async function removeUnfinished(root: string, olderThan: Date): Promise<number> {
  const folder = path.join(root, UNFINISHED);
  let removed = 0;
  for (const name of await namesIn(folder)) {
    const info = await statFile(path.join(folder, name), name);
    if (info === null || info.modifiedAt >= olderThan) continue;
    await rm(path.join(folder, name), { force: true });
    removed += 1;
  }
  return removed;
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
