import type { AnswerAttachmentView } from '../../contract/attachments';
import { findAttachment } from '../../store/attachments/attachments';
import type { Clock } from '../../platform/clock';
import type { GatewayExecution } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import { downloadUrl, type DownloadDeps } from '../http/download-urls';

/** The files that came with the answer of a turn, each with a URL that its user can fetch (gateway.md §4.2). */
export type AnswerFiles = (execution: GatewayExecution) => Promise<AnswerAttachmentView[]>;

/** Only what the agent itself has uploaded, and is still there: it may name any id. */
export function createAnswerFiles(deps: DownloadDeps & { database: Database; clock: Clock }): AnswerFiles {
  return async ({ agentId, attachments = [] }) => {
    const views: AnswerAttachmentView[] = [];
    for (const id of attachments) {
      const attachment = await findAttachment(deps.database, id);
      if (attachment === null || attachment.uploaderId !== agentId || attachment.storedAt === null) continue;
      const { attachmentId, filename, contentType, bytes } = attachment;
      views.push({
        attachment_id: attachmentId,
        filename,
        content_type: contentType,
        size: bytes,
        url: await downloadUrl(attachment, deps.clock.now(), deps),
      });
    }
    return views;
  };
}
