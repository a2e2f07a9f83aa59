import { getAttachment, getDownload } from '../../../contract/endpoints-attachments';
import { AppError, isAppError } from '../../../contract/errors';
import type { AttachmentGuard } from '../../../domain/attachments';
import { requestedRange } from '../../../domain/byte-range';
import { contentDisposition } from '../../../domain/content-disposition';
import { attachmentBlobKey, findAttachment, settleUpload } from '../../../store/attachments/attachments';
import type { Database } from '../../../store/schema/database';
import { getGroupOf } from '../../../store/groups/groups';
import { downloadUrl, type DownloadDeps } from '../../http/download-urls';
import {
  agentRoute,
  publicRoute,
  type AgentContext,
  type Reply,
  type RequestContext,
  type Route,
} from '../../http/route';

export interface AttachmentDeps extends DownloadDeps {
  database: Database;
}

/** Handing attachments out: messaging.md §12.3, §12.4. */
export function attachmentRoutes(deps: AttachmentDeps): Route[] {
  return [
    agentRoute(getAttachment, (ctx) => redirect(ctx, deps)),
    publicRoute(getDownload, (ctx) => download(ctx, deps)),
  ];
}

/** Who may see it is decided here; the URL that it answers works for whoever holds it, for five minutes. */
async function redirect(ctx: AgentContext, deps: AttachmentDeps): Promise<Reply> {
  const { database, blobs } = deps;
  const attachment = await findAttachment(database, ctx.params.id ?? '');
  if (attachment === null) throw new AppError('ATTACHMENT_NOT_FOUND');
  await requireSight(database, attachment, ctx.agent._id);
  const isThere = await settleUpload(database, blobs, attachment, ctx.now);
  // Also where the row says so: nobody is sent to a store that is down or has lost the file.
  const isStored = isThere && (await blobs.stat(attachmentBlobKey(attachment.attachmentId))) !== null;
  if (!isStored) throw new AppError('ATTACHMENT_NOT_FOUND');
  const headers = { Location: await downloadUrl(attachment, ctx.now, deps), 'Cache-Control': 'private, no-store' };
  return { status: 302, isEmpty: true, headers };
}

/** @throws AppError ATTACHMENT_NOT_FOUND, the same as for an unknown one; GROUP_DELETED for its former members */
async function requireSight(database: Database, attachment: AttachmentGuard, agentId: string): Promise<void> {
  const { uploaderId, scope } = attachment;
  if (uploaderId === agentId) return;
  if (scope?.kind === 'direct' && scope.recipientId === agentId) return;
  if (scope?.kind !== 'group') throw new AppError('ATTACHMENT_NOT_FOUND');
  await getGroupOf(database, scope.groupId, agentId).catch((error: unknown) => {
    if (isAppError(error) && error.code === 'GROUP_NOT_FOUND') throw new AppError('ATTACHMENT_NOT_FOUND');
    throw error;
  });
}

/**
 * The bytes of the `file:` store, with the declared type, always as a file and never from a cache. One part of them
 * where one is asked for, so that a download that broke off can go on; with the digest as the version.
 */
async function download(ctx: RequestContext, { database, blobs, signer }: AttachmentDeps): Promise<Reply> {
  const attachmentId = ctx.params.id ?? '';
  if (!signer.verify('download', attachmentId, ctx.query, ctx.now)) throw new AppError('FORBIDDEN');
  const attachment = await findAttachment(database, attachmentId);
  if (attachment === null) throw new AppError('ATTACHMENT_NOT_FOUND');
  const key = attachmentBlobKey(attachmentId);
  const headers = { ...DOWNLOAD_HEADERS, ETag: `"${attachment.sha256}"` };
  const asked = { range: ctx.header('range'), ifRange: ctx.header('if-range') };
  const part = requestedRange(asked, { size: attachment.bytes, etag: headers.ETag });
  if (part === 'beyond') {
    if ((await blobs.stat(key)) === null) throw new AppError('ATTACHMENT_NOT_FOUND');
    return { status: 416, isEmpty: true, headers: { ...headers, 'Content-Range': `bytes */${attachment.bytes}` } };
  }
  const blob = await blobs.get(key, part ?? undefined);
  if (blob === null) throw new AppError('ATTACHMENT_NOT_FOUND');
  const { bytes, content } = part === null ? blob : { content: blob.content, bytes: part.last - part.first + 1 };
  return {
    status: part === null ? 200 : 206,
    file: { type: attachment.contentType, bytes, content },
    headers: {
      ...headers,
      ...(part === null ? {} : { 'Content-Range': `bytes ${part.first}-${part.last}/${attachment.bytes}` }),
      'Content-Disposition': contentDisposition(attachment.filename),
    },
  };
}

const DOWNLOAD_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'private, no-store',
  'Accept-Ranges': 'bytes',
};
