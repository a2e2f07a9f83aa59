import { pipeline } from 'node:stream';
import { isAppError } from '../../contract/errors';
import { attachmentGuardId, withBytes, type AttachmentGuard } from '../../domain/attachments';
import type { Blob, BlobStore } from '../../platform/blobs/blob-store';
import { verified } from '../../platform/blobs/verified';
import { withTransactionBy, type Caller } from '../schema/prove-caller';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';

/** Where the bytes lie once they are known to be right. */
export const attachmentBlobKey = (attachmentId: string): string => `attachments/${attachmentId}`;

/** Where strangers put them at a store of its own, until they were looked at. */
export const uploadBlobKey = (attachmentId: string): string => `uploads/${attachmentId}`;

/**
 * Records a reservation. The id is random and new. With `caller` the commit proves that the uploader's key is the one of
 * its call.
 */
export async function insertAttachment(
  database: Database,
  attachment: AttachmentGuard,
  caller?: Caller,
): Promise<void> {
  if (caller === undefined) await database.guards.insertOne(attachment);
  else await withTransactionBy(database, caller, (session) => database.guards.insertOne(attachment, { session }));
}

/** The attachment as it is majority-committed now, or null. */
export function findAttachment(database: Database, attachmentId: string): Promise<AttachmentGuard | null> {
  return database.guards.findOne<AttachmentGuard>({ _id: attachmentGuardId(attachmentId) }, SAFE_READ);
}

/**
 * Records that the bytes are there. A repeat changes nothing. A send that refers to the attachment at this moment
 * collides and decides anew, or this does.
 */
export async function markStored(database: Database, attachment: AttachmentGuard, at: Date): Promise<void> {
  let current: AttachmentGuard | null = attachment;
  while (current !== null && current.storedAt === null) {
    const { storedAt, dueAt } = withBytes(current, at);
    const { modifiedCount } = await database.guards.updateOne(
      { _id: current._id, v: current.v },
      { $set: { storedAt, dueAt }, $inc: { v: 1 } },
    );
    if (modifiedCount === 1) return;
    current = await findAttachment(database, attachment.attachmentId);
  }
}

/**
 * Whether the attachment's bytes are there and right; from then on they stay as they are.
 *
 * A store with URLs of its own takes bytes that nobody of ours has seen, and may not have compared their digest. They
 * are read once, on their way to the place that downloads come from: a PUT that comes later lands in the first place,
 * where nothing is read again. Two at once write the same bytes. A crash in the middle leaves all to be done again, or
 * the copy, which is found then.
 */
export async function settleUpload(
  database: Database,
  blobs: BlobStore,
  attachment: AttachmentGuard,
  at: Date,
): Promise<boolean> {
  if (attachment.storedAt !== null) return true;
  const { attachmentId } = attachment;
  const upload = blobs.direct === null ? null : await blobs.get(uploadBlobKey(attachmentId));
  const isThere =
    upload === null
      ? (await blobs.stat(attachmentBlobKey(attachmentId))) !== null
      : await takeOver(blobs, attachment, upload);
  if (isThere) await markStored(database, attachment, at);
  return isThere;
}

/** False: these are not the bytes that were declared; they are removed, the right ones may still come. */
async function takeOver(blobs: BlobStore, attachment: AttachmentGuard, upload: Blob): Promise<boolean> {
  const { attachmentId, contentType, bytes } = attachment;
  // The callback only keeps a fault from being nobody's: `put` tells it.
  const checked = pipeline(upload.content, verified(attachment), () => undefined);
  try {
    await blobs.put(attachmentBlobKey(attachmentId), checked, { bytes, contentType });
  } catch (error) {
    if (!isAppError(error) || error.code === 'STORAGE_UNAVAILABLE') throw error;
    await blobs.remove(uploadBlobKey(attachmentId));
    return false;
  }
  await blobs.remove(uploadBlobKey(attachmentId));
  return true;
}
