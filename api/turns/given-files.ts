import { createHash } from 'node:crypto';
import { AppError } from '../../contract/errors';
import type { TurnFileBody } from '../../contract/turn-files';
import { newAttachment } from '../../domain/attachments';
import { bytesOf, type TurnFile } from '../../domain/turn-files';
import type { BlobStore } from '../../platform/blobs/blob-store';
import { newId } from '../../platform/ids';
import { attachmentBlobKey, insertAttachment, markStored } from '../../store/attachments/attachments';
import type { GatewaySession } from '../../store/schema/collections/gateway';
import { isDuplicateKey } from '../../store/schema/conflicts';
import type { Database } from '../../store/schema/database';

/** A file that came with a message, as it will be kept. */
export interface GivenFile extends TurnFile {
  content: Buffer;
}

/** The files of a body. @throws AppError VALIDATION_ERROR for data that are not what they are said to be */
export function givenFiles(files: TurnFileBody[] = []): GivenFile[] {
  return files.map((file, index) => {
    const content = bytesOf(file);
    if (content === null) throw notAsSaid(index);
    const attachmentId = newId('attachment');
    return { attachmentId, filename: file.name, contentType: file.mimetype, bytes: content.length, content };
  });
}

const notAsSaid = (index: number): AppError =>
  new AppError('VALIDATION_ERROR', {
    formErrors: [],
    fieldErrors: { files: [`files.${index}.data_base64: Expected as many bytes as size says, as base64`] },
  });

/** Of a start that is tried again. */
function unlessThere(error: unknown): void {
  if (!isDuplicateKey(error)) throw error;
}

/**
 * Keeps the files of a turn that is about to start, as attachments of its guest for its agent. If the process dies on the
 * way, or the turn is refused, they are attachments that no message refers to, and are removed as such.
 * @throws AppError STORAGE_UNAVAILABLE
 */
export async function keepFiles(
  { database, blobs }: { database: Database; blobs: BlobStore },
  { guestId, agentId }: GatewaySession,
  files: GivenFile[],
  now: Date,
): Promise<TurnFile[]> {
  const kept: TurnFile[] = [];
  for (const { content, ...file } of files) {
    const { attachmentId, filename, contentType, bytes } = file;
    const attachment = newAttachment({
      attachmentId,
      uploaderId: guestId,
      scope: { kind: 'direct', recipientId: agentId },
      filename,
      contentType,
      bytes,
      sha256: createHash('sha256').update(content).digest('hex'),
      createdAt: now,
    });
    await insertAttachment(database, attachment).catch(unlessThere);
    await blobs.put(attachmentBlobKey(attachmentId), content, { bytes, contentType });
    await markStored(database, attachment, now);
    kept.push(file);
  }
  return kept;
}
