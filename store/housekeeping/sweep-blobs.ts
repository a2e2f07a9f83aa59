import { attachmentGuardId, type AttachmentGuard } from '../../domain/attachments';
import type { BlobStore } from '../../platform/blobs/blob-store';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { daysBefore, type Step, type StepInput } from './step';

const BATCH = 500;

/** Objects are there before their rows: what is younger may be on its way. */
const GRACE_DAYS = 1;

/** Which of these objects are still needed. */
type FindUsed = (database: Database, keys: string[]) => Promise<Set<string>>;

const FOLDERS: { prefix: string; findUsed: FindUsed }[] = [
  { prefix: 'avatars/', findUsed: findShownAvatars },
  { prefix: 'attachments/', findUsed: (database, keys) => findAttachments(database, keys, () => true) },
  { prefix: 'uploads/', findUsed: (database, keys) => findAttachments(database, keys, isAwaited) },
];

/** Whether the bytes that a stranger put still have to be looked at. */
const isAwaited = ({ storedAt }: Pick<AttachmentGuard, 'storedAt'>): boolean => storedAt === null;

/**
 * Removes objects that no row names: left by a crash between object and row, by a removal that the store did not do, or
 * put after they were looked at. Goes through all objects, page by page; a removal that is repeated is done already.
 */
export async function sweepBlobs(
  { database, blobs }: { database: Database; blobs: BlobStore },
  { cursor, now }: StepInput,
): Promise<Step> {
  const before = daysBefore(now, GRACE_DAYS);
  const [index = 0, after] = parseCursor(cursor);
  const folder = FOLDERS[index];
  if (folder === undefined) return { cursor: null, changed: await blobs.removeUnfinished(before) };
  const page = await blobs.list(folder.prefix, { after, limit: BATCH });
  const old = page.blobs.filter(({ modifiedAt }) => modifiedAt < before).map(({ key }) => key);
  const used = old.length === 0 ? new Set() : await folder.findUsed(database, old);
  const unused = old.filter((key) => !used.has(key));
  for (const key of unused) await blobs.remove(key);
  return { cursor: page.next === null ? `${index + 1}|` : `${index}|${page.next}`, changed: unused.length };
}

/** `<index of the folder>|<where its listing goes on>` */
function parseCursor(cursor: string | null): [number, string | null] {
  if (cursor === null) return [0, null];
  const bar = cursor.indexOf('|');
  return [Number(cursor.slice(0, bar)), cursor.slice(bar + 1) || null];
}

async function findShownAvatars(database: Database, keys: string[]): Promise<Set<string>> {
  const rows = await database.avatars
    .find({ blobKey: { $in: keys } }, { projection: { blobKey: 1 }, ...READ })
    .toArray();
  return new Set(rows.map(({ blobKey }) => blobKey));
}

async function findAttachments(
  database: Database,
  keys: string[],
  isNeeded: (attachment: Pick<AttachmentGuard, 'storedAt'>) => boolean,
): Promise<Set<string>> {
  const byGuard = new Map(keys.map((key) => [attachmentGuardId(key.slice(key.indexOf('/') + 1)), key]));
  const rows = await database.guards
    .find<AttachmentGuard>({ _id: { $in: [...byGuard.keys()] } }, { projection: { storedAt: 1 }, ...READ })
    .toArray();
  return new Set(rows.filter(isNeeded).flatMap(({ _id }) => byGuard.get(_id) ?? []));
}
