import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorCode } from '../contract/codes';
import { AppError, toEnvelope } from '../contract/errors';

/** Requests that Node refuses before Koa sees them: which of our codes and which status they get. */
const FAULTS: Record<string, { status: string; code: ErrorCode }> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', code: 'VALIDATION_ERROR' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', code: 'VALIDATION_ERROR' },
};
const MALFORMED = { status: '400 Bad Request', code: 'VALIDATION_ERROR' } as const;

/** Bytes that are no HTTP request get the flat envelope too. */
export function answerHttpFaults(server: Server): void {
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const fault = FAULTS[error.code ?? ''] ?? MALFORMED;
    const body = JSON.stringify(
      toEnvelope(new AppError(fault.code, undefined, undefined, 'The request is not valid HTTP')),
    );
    socket.end(
      `HTTP/1.1 ${fault.status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
        `X-Request-Id: ${randomUUID()}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}
