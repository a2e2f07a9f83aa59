import type { IncomingMessage } from 'node:http';
import { AppError } from '../contract/errors';
import { JSON_BODY_BYTES_MAX } from '../contract/limits';

type OversizeCode = 'PAYLOAD_TOO_LARGE' | 'CONTENT_TOO_LARGE';

/** Refuses by `Content-Length` before a byte is read (conventions.md §15). */
export function refuseOversize(request: IncomingMessage, code: OversizeCode): void {
  if (Number(request.headers['content-length'] ?? 0) > JSON_BODY_BYTES_MAX) throw tooLarge(code);
}

/** Reads the body when it is first asked for, and never twice. @throws AppError 413 */
export function createBodyReader(request: IncomingMessage, code: OversizeCode): () => Promise<Buffer> {
  let bytes: Promise<Buffer> | null = null;
  return () => (bytes ??= readBytes(request, code));
}

/** Reads the body up to the cap, counting streamed bytes, so that chunked uploads cannot pass it. */
async function readBytes(request: IncomingMessage, code: OversizeCode): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed on the way out: the refusal still has to reach the caller over the same socket.
  const stream: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > JSON_BODY_BYTES_MAX) throw tooLarge(code);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The body text as a JSON object; the content type does not matter (conventions.md D-1). */
export function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch {
    throw new AppError('VALIDATION_ERROR', undefined, undefined, 'The body must be JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('VALIDATION_ERROR', undefined, undefined, 'The body must be a JSON object');
  }
  // The parse point of request bodies: an object whose values are not known yet.
  return value as Record<string, unknown>;
}

function tooLarge(code: OversizeCode): AppError {
  return new AppError(code, { max_bytes: JSON_BODY_BYTES_MAX });
}
