/** A file that came with a user's message, as its agent is told of it (gateway.md §8.1). */
export interface TurnFile {
  attachmentId: string;
  filename: string;
  contentType: string;
  bytes: number;
}

/**
 * The bytes of a file that is written as base64, with or without its padding; null when they are none, or not as many as
 * was said.
 */
export function bytesOf({ data_base64: data, size }: { data_base64: string; size: number }): Buffer | null {
  // Node passes over what is no base64: what was read has to be what was written.
  const bytes = Buffer.from(data, 'base64');
  if (bytes.length !== size) return null;
  const written = bytes.toString('base64');
  return data === written || data === written.replace(/=+$/, '') ? bytes : null;
}

/** As it stands in the metadata of the message (gateway.md §8.1). */
export const wireFile = ({ attachmentId, filename, contentType, bytes }: TurnFile): object => ({
  attachment_id: attachmentId,
  filename,
  content_type: contentType,
  size: bytes,
});
