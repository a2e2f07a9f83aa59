import type { ErrorCode } from '../contract/codes';
import { UNREFERENCED_KEEP_MS, UNUPLOADED_KEEP_MS, UPLOAD_URL_SECONDS } from '../contract/limits';
import { retainedUntil } from './retention';

/** Whom an attachment is for: fixed when it is reserved, or by the first message that refers to it. */
export type AttachmentScope = { kind: 'direct'; recipientId: string } | { kind: 'group'; groupId: string };

/**
 * A reserved file and everything that decides who may refer to it. It is a guard document: each send that refers to
 * it writes it and expects its version, and so does its removal. `_id` = `attachment:<attachment id>`.
 */
export interface AttachmentGuard {
  _id: string;
  v: number;
  attachmentId: string;
  uploaderId: string;
  /** Null: unbound, visible to its uploader only. */
  scope: AttachmentScope | null;
  filename: string;
  contentType: string;
  bytes: number;
  /** 64 lowercase hex. */
  sha256: string;
  createdAt: Date;
  /** When its bytes were there and right; null before that. */
  storedAt: Date | null;
  /** `created_at` of the newest message that refers to it. */
  referencedAt: Date | null;
  /** When it may be removed unless something happens before. */
  dueAt: Date;
}

export const attachmentGuardId = (attachmentId: string): string => `attachment:${attachmentId}`;

/** A new reservation: its bytes may come until the URL ends. */
export function newAttachment(
  facts: Pick<
    AttachmentGuard,
    'attachmentId' | 'uploaderId' | 'scope' | 'filename' | 'contentType' | 'bytes' | 'sha256' | 'createdAt'
  >,
): AttachmentGuard {
  return due({
    _id: attachmentGuardId(facts.attachmentId),
    v: 1,
    ...facts,
    storedAt: null,
    referencedAt: null,
    dueAt: facts.createdAt,
  });
}

/** Checks D9 and G7 of messaging.md §3.3: ownership, then scope. Null: a message to `target` may refer to it. */
export function refuseReference(
  attachment: AttachmentGuard | null,
  senderId: string,
  target: AttachmentScope,
): ErrorCode | null {
  if (attachment === null || attachment.uploaderId !== senderId) return 'ATTACHMENT_NOT_FOUND';
  if (attachment.scope === null) return null;
  return isSameScope(attachment.scope, target) ? null : 'ATTACHMENT_WRONG_SCOPE';
}

function isSameScope(one: AttachmentScope, other: AttachmentScope): boolean {
  if (one.kind === 'direct') return other.kind === 'direct' && one.recipientId === other.recipientId;
  return other.kind === 'group' && one.groupId === other.groupId;
}

/** After a message to `target` that was accepted at `at`: an unbound one is bound for ever. */
export function withReference(attachment: AttachmentGuard, target: AttachmentScope, at: Date): AttachmentGuard {
  const referencedAt = new Date(Math.max(at.getTime(), attachment.referencedAt?.getTime() ?? 0));
  return due({ ...attachment, scope: attachment.scope ?? target, referencedAt });
}

/** After its bytes came; a repeat changes nothing. */
export function withBytes(attachment: AttachmentGuard, at: Date): AttachmentGuard {
  return attachment.storedAt === null ? due({ ...attachment, storedAt: at }) : attachment;
}

/** messaging.md §12.6: without bytes, without a message, or as long as the newest message is kept. */
function due(attachment: AttachmentGuard): AttachmentGuard {
  const { createdAt, storedAt, referencedAt } = attachment;
  if (storedAt === null) {
    return { ...attachment, dueAt: later(createdAt, UPLOAD_URL_SECONDS * 1_000 + UNUPLOADED_KEEP_MS) };
  }
  return {
    ...attachment,
    dueAt: referencedAt === null ? later(storedAt, UNREFERENCED_KEEP_MS) : retainedUntil(referencedAt),
  };
}

function later(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}
