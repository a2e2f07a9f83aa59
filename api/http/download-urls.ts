import { DOWNLOAD_URL_SECONDS } from '../../contract/limits';
import type { AttachmentGuard } from '../../domain/attachments';
import { contentDisposition } from '../../domain/content-disposition';
import type { BlobStore } from '../../platform/blobs/blob-store';
import type { UrlSigner } from '../../platform/signed-urls';
import { attachmentBlobKey } from '../../store/attachments/attachments';

export interface DownloadDeps {
  blobs: BlobStore;
  signer: UrlSigner;
  publicBaseUrl: string;
}

/** A URL that gives an attachment's bytes to whoever holds it, for five minutes: for those who may see it. */
export async function downloadUrl(attachment: AttachmentGuard, now: Date, deps: DownloadDeps): Promise<string> {
  const { attachmentId, contentType, filename } = attachment;
  if (deps.blobs.direct !== null) {
    const disposition = contentDisposition(filename);
    return deps.blobs.direct.download(attachmentBlobKey(attachmentId), {
      contentType,
      disposition,
      expiresInS: DOWNLOAD_URL_SECONDS,
    });
  }
  const expiresAt = new Date(now.getTime() + DOWNLOAD_URL_SECONDS * 1_000);
  return `${deps.publicBaseUrl}/v1/downloads/${attachmentId}?${deps.signer.sign('download', attachmentId, expiresAt)}`;
}
