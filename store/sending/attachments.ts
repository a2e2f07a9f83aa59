import type { ErrorCode } from '../../contract/codes';
import { refuseReference, withReference, type AttachmentScope } from '../../domain/attachments';
import type { SendItem } from './items';
import type { BatchState } from './send-state';

/** Why a message to `target` may not refer to its attachment; null when it refers to none, or may. */
export function refuseAttachment(item: SendItem, target: AttachmentScope, { guards }: BatchState): ErrorCode | null {
  const { attachmentId, sender } = item.command;
  return attachmentId === null ? null : refuseReference(guards.attachment(attachmentId), sender.id, target);
}

/** The attachment of an accepted message is bound in the same commit, which proves what the decision rested on. */
export function refer(item: SendItem, target: AttachmentScope, at: Date, { guards }: BatchState): void {
  const { attachmentId } = item.command;
  const attachment = attachmentId === null ? null : guards.attachment(attachmentId);
  if (attachment !== null) guards.put(withReference(attachment, target, at));
}
