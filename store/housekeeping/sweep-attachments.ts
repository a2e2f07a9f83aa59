import type { AttachmentGuard } from '../../domain/attachments';
import type { BlobStore } from '../../platform/blobs/blob-store';
import { attachmentBlobKey, settleUpload, uploadBlobKey } from '../attachments/attachments';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import type { Step, StepInput } from './step';

const BATCH = 100;

/**
 * Removes attachments whose time has come (messaging.md §12.6), the longest overdue first. The row goes before the
 * object, so that nobody is sent to bytes that are gone; a crash in between leaves an object that `sweepBlobs` finds. A
 * send that refers to one at this moment moved its version: then it stays.
 */
export async function sweepAttachments(
  { database, blobs }: { database: Database; blobs: BlobStore },
  { now }: StepInput,
): Promise<Step> {
  const due = await findDueAttachments(database, now);
  let changed = 0;
  for (const attachment of due) if (await removeUnlessNeeded(database, blobs, attachment, now)) changed += 1;
  return { cursor: due.length === BATCH && changed > 0 ? 'more' : null, changed };
}

function findDueAttachments(database: Database, now: Date): Promise<AttachmentGuard[]> {
  return database.guards
    .find<AttachmentGuard>({ dueAt: { $lte: now, $type: 'date' } }, { sort: { dueAt: 1 }, limit: BATCH, ...READ })
    .toArray();
}

async function removeUnlessNeeded(
  database: Database,
  blobs: BlobStore,
  attachment: AttachmentGuard,
  now: Date,
): Promise<boolean> {
  // Bytes that came to a store of its own and that nobody has asked for yet: their week begins.
  if (attachment.storedAt === null && (await settleUpload(database, blobs, attachment, now))) return false;
  const { deletedCount } = await database.guards.deleteOne({ _id: attachment._id, v: attachment.v });
  if (deletedCount === 0) return false;
  await blobs.remove(attachmentBlobKey(attachment.attachmentId));
  if (blobs.direct !== null) await blobs.remove(uploadBlobKey(attachment.attachmentId));
  return true;
}
