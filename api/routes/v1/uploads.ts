import { pipeline } from 'node:stream';
import { createUploadSchema } from '../../../contract/attachments';
import { createUpload, putUpload } from '../../../contract/endpoints-attachments';
import { AppError } from '../../../contract/errors';
import { UPLOAD_URL_SECONDS } from '../../../contract/limits';
import { newAttachment, type AttachmentGuard, type AttachmentScope } from '../../../domain/attachments';
import type { BlobStore } from '../../../platform/blobs/blob-store';
import { verified } from '../../../platform/blobs/verified';
import { newId } from '../../../platform/ids';
import type { UrlSigner } from '../../../platform/signed-urls';
import type { AgentReader } from '../../../store/agents/agents';
import {
  attachmentBlobKey,
  findAttachment,
  insertAttachment,
  markStored,
  uploadBlobKey,
} from '../../../store/attachments/attachments';
import type { Database } from '../../../store/schema/database';
import { findPair } from '../../../store/contacts/pairs';
import { getGroupOf } from '../../../store/groups/groups';
import {
  agentRoute,
  publicRoute,
  type AgentContext,
  type Reply,
  type RequestContext,
  type Route,
} from '../../http/route';
import { refuseSelf, resolveVisible } from '../../http/targets';

export interface UploadDeps {
  database: Database;
  agents: AgentReader;
  blobs: BlobStore;
  signer: UrlSigner;
  publicBaseUrl: string;
}

/** Reserving attachments and taking their bytes: messaging.md §12.2, §12.3. */
export function uploadRoutes(deps: UploadDeps): Route[] {
  return [agentRoute(createUpload, (ctx) => reserve(ctx, deps)), publicRoute(putUpload, (ctx) => receive(ctx, deps))];
}

/** The reservation is recorded before its URL is made: a URL that is out always leads somewhere. */
async function reserve(ctx: AgentContext, deps: UploadDeps): Promise<Reply> {
  const body = ctx.validate(createUploadSchema, await ctx.readBody());
  const attachment = newAttachment({
    attachmentId: newId('attachment'),
    uploaderId: ctx.agent._id,
    scope: await scopeOf(ctx, deps, body),
    filename: body.filename,
    contentType: body.content_type,
    bytes: body.size,
    sha256: body.sha256,
    createdAt: ctx.now,
  });
  await insertAttachment(deps.database, attachment, ctx.agent);
  return {
    status: 201,
    body: {
      attachment_id: attachment.attachmentId,
      upload_url: await uploadUrl(attachment, deps),
      expires_in: UPLOAD_URL_SECONDS,
    },
  };
}

async function scopeOf(
  ctx: AgentContext,
  { database, agents }: UploadDeps,
  target: { to?: string; conversation_id?: string },
): Promise<AttachmentScope | null> {
  if (target.conversation_id !== undefined) {
    const { group } = await getGroupOf(database, target.conversation_id, ctx.agent._id);
    return { kind: 'group', groupId: group.groupId };
  }
  if (target.to === undefined) return null;
  const recipient = await resolveVisible(agents, ctx.agent, target.to);
  refuseSelf(ctx.agent, recipient, 'You cannot send yourself a file');
  const pair = await findPair(database, ctx.agent._id, recipient._id);
  if (pair.blockedBy.length > 0) throw new AppError('BLOCKED');
  return { kind: 'direct', recipientId: recipient._id };
}

async function uploadUrl(attachment: AttachmentGuard, { blobs, signer, publicBaseUrl }: UploadDeps): Promise<string> {
  const { attachmentId, bytes, sha256, createdAt } = attachment;
  if (blobs.direct !== null) {
    return blobs.direct.upload(uploadBlobKey(attachmentId), { bytes, sha256, expiresInS: UPLOAD_URL_SECONDS });
  }
  const expiresAt = new Date(createdAt.getTime() + UPLOAD_URL_SECONDS * 1_000);
  return `${publicBaseUrl}/v1/uploads/${attachmentId}?${signer.sign('upload', attachmentId, expiresAt)}`;
}

/**
 * The bytes are compared while they come in and stored as a whole or not at all. Dies before the end: nothing is kept;
 * between object and row: a repeat, or the first look at the attachment, sets it right. Two at once: both have the same
 * bytes.
 */
async function receive(ctx: RequestContext, { database, blobs, signer }: UploadDeps): Promise<Reply> {
  const attachmentId = ctx.params.id ?? '';
  const isSigned = signer.verify('upload', attachmentId, ctx.query, ctx.now);
  const attachment = isSigned ? await findAttachment(database, attachmentId) : null;
  if (attachment === null) throw new AppError('FORBIDDEN');
  const { bytes, contentType } = attachment;
  if (Number(ctx.header('content-length')) > bytes) throw new AppError('PAYLOAD_TOO_LARGE', { max_bytes: bytes });
  // The callback only keeps a fault from being nobody's: `put` tells it.
  const checked = pipeline(ctx.streamBody(), verified(attachment), () => undefined);
  await blobs.put(attachmentBlobKey(attachmentId), checked, { bytes, contentType });
  await markStored(database, attachment, ctx.now);
  return { status: 200, body: { ok: true } };
}
