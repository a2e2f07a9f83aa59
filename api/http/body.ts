import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import { isWithin, jsonShape, type JsonShape } from '../../contract/json';
import {
  CONTENT_BYTES_MAX,
  JSON_BODY_BYTES_MAX,
  JSON_BODY_COMMAS_MAX,
  JSON_BODY_DEPTH_MAX,
  JSON_BODY_KEYS_MAX,
} from '../../contract/limits';
import { bodyMsMax } from '../../contract/request-limits';
import type { LargeBodies } from './large-bodies';

type OversizeCode = 'PAYLOAD_TOO_LARGE' | 'CONTENT_TOO_LARGE';

/** How large a body may be, what a larger one is called, and how long it may take. */
export interface BodyCap {
  bytesMax: number;
  code: OversizeCode;
  /** How long it may take to come in. */
  msMax: number;
}

/** The cap of an endpoint (conventions.md §15). */
export function bodyCapOf(endpoint: Pick<Endpoint, 'bodyBytesMax' | 'bodyCode' | 'bodyMsMax'> | undefined): BodyCap {
  const bytesMax = endpoint?.bodyBytesMax ?? JSON_BODY_BYTES_MAX;
  return {
    bytesMax,
    code: endpoint?.bodyCode ?? 'PAYLOAD_TOO_LARGE',
    msMax: endpoint?.bodyMsMax ?? bodyMsMax(bytesMax),
  };
}

/** Refuses by `Content-Length` before a byte is read (conventions.md §15). */
export function refuseOversize(request: IncomingMessage, cap: BodyCap): void {
  if (Number(request.headers['content-length'] ?? 0) > cap.bytesMax) throw tooLarge(cap);
}

/** A request's body, for all who ask for it. */
export interface BodyReader {
  /** Reads it when it is first asked for, and never twice. @throws AppError 413, SERVICE_UNAVAILABLE, 408 */
  read(): Promise<Buffer>;
  /** Nobody asks any more: what it holds in memory can go. Called again it does nothing. */
  forget(): void;
}

export function createBodyReader(request: IncomingMessage, cap: BodyCap, large: LargeBodies): BodyReader {
  let bytes: Promise<Buffer> | null = null;
  let held = 0;
  const count = (total: number): void => {
    const more = total - JSON_BODY_BYTES_MAX - held;
    if (more <= 0) return;
    large.hold(more);
    held += more;
  };
  return {
    read: () => (bytes ??= inTime(request, cap, readBytes(request, cap, count))),
    forget: () => {
      bytes = Promise.reject(new Error('a body was read after it was forgotten'));
      bytes.catch(() => undefined);
      large.release(held);
      held = 0;
    },
  };
}

/**
 * Nobody waits for a body that does not end: what the call was allowed when it began may have changed, and it holds memory.
 * Its connection ends with the refusal, and `reading` with the connection.
 */
async function inTime(request: IncomingMessage, { msMax }: BodyCap, reading: Promise<Buffer>): Promise<Buffer> {
  if (request.complete) return reading;
  let late: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    late = setTimeout(() => reject(bodyTimeout()), msMax);
  });
  return Promise.race([reading, overdue]).finally(() => clearTimeout(late));
}

/** The same as for a request whose headers do not end (`http-faults.ts`); clients try again on 408 (conventions.md §6). */
const bodyTimeout = (): AppError =>
  new AppError('VALIDATION_ERROR', undefined, undefined, 'The body did not end in time', 408);

/** The body as it comes in. Not destroyed with its reader: a refusal still has to reach the caller over the socket. */
export function streamBody(request: IncomingMessage): Readable {
  return Readable.from(request.iterator({ destroyOnReturn: false }), { objectMode: false });
}

/** Reads the body up to the cap, counting streamed bytes, so that chunked uploads cannot pass it. */
async function readBytes(request: IncomingMessage, cap: BodyCap, count: (total: number) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed on the way out: the refusal still has to reach the caller over the same socket.
  const stream: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > cap.bytesMax) throw tooLarge(cap);
    count(bytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** How much of a refused body is read on, for how long in all, and how long its sender may be silent meanwhile. */
const DISCARD_BYTES_MAX = 33_554_432;
const DISCARD_MS_MAX = 5_000;
const SILENT_MS_MAX = 500;

/**
 * Reads on and throws away, within bounds: a caller that is still writing when the connection closes would see a broken
 * connection in place of its refusal.
 */
export async function discardRest(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      silent.refresh();
      if (bytes > DISCARD_BYTES_MAX) end();
    };
    const end = (): void => {
      clearTimeout(silent);
      clearTimeout(late);
      request.off('data', onData).pause();
      resolve();
    };
    const silent = setTimeout(end, SILENT_MS_MAX);
    const late = setTimeout(end, DISCARD_MS_MAX);
    request.on('data', onData).once('end', end).once('close', end).once('error', end);
  });
}

const SHAPE_MAX: JsonShape = {
  depth: JSON_BODY_DEPTH_MAX,
  keys: JSON_BODY_KEYS_MAX,
  commas: JSON_BODY_COMMAS_MAX,
};

/**
 * What is wrong with the shape of a body, null when nothing is. To be asked before the body is parsed: hundreds of
 * thousands of keys or brackets take a parser half a second, in which this process answers nobody.
 */
export function faultOfShape(text: string): 'depth' | 'parts' | null {
  const shape = jsonShape(text, SHAPE_MAX);
  if (shape.depth > SHAPE_MAX.depth) return 'depth';
  return isWithin(shape, SHAPE_MAX) ? null : 'parts';
}

/** The refusal of a body that is too intricate to be parsed, by what an oversize one is called at this endpoint. */
export function tooIntricate(fault: 'depth' | 'parts', { code }: BodyCap): AppError {
  if (fault === 'parts' && code === 'CONTENT_TOO_LARGE') return new AppError(code, { max_bytes: CONTENT_BYTES_MAX });
  const message =
    fault === 'depth'
      ? `The body may nest ${JSON_BODY_DEPTH_MAX} levels deep`
      : `The body may hold ${JSON_BODY_KEYS_MAX} keys and ${JSON_BODY_COMMAS_MAX} commas`;
  return new AppError('VALIDATION_ERROR', undefined, undefined, message);
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

function tooLarge({ code, bytesMax }: BodyCap): AppError {
  return new AppError(code, { max_bytes: bytesMax });
}
