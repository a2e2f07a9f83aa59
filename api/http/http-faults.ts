import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError, toEnvelope } from '../../contract/errors';
import { HEADERS_MS_MAX, REQUEST_MS_MAX } from '../../contract/request-limits';

/** Requests that Node refuses before Koa sees them, by its own codes: which status they get. */
const FAULTS: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/**
 * Whatever Node would answer by itself, in plain text or not at all, is answered with the flat envelope too: bytes that
 * are no HTTP request, a request without `Host`, an unknown `Expect`, `CONNECT`.
 */
export function answerHttpFaults(server: Server): void {
  const answering = new WeakMap<Duplex, ServerResponse>();
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    answering.set(request.socket, response);
  });
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    const response = answering.get(socket);
    const isAnswering = response !== undefined && response.headersSent && !response.writableFinished;
    // In the middle of an answer a second one would only garble the first.
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) return void socket.destroy();
    const invalid = new AppError('VALIDATION_ERROR', undefined, undefined, 'The request is not valid HTTP');
    endWith(socket, FAULTS[error.code ?? ''] ?? '400 Bad Request', invalid);
  });
  server.on('connect', (_request, socket) => endWith(socket, '404 Not Found', new AppError('NOT_FOUND')));
  // An expectation that we do not know is ignored; 100-continue keeps Node's own handling.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  // Not in the types: the property that Node reads for each request. With it a missing Host is an empty 400; without it
  // the pipeline refuses (middleware/target-path.ts).
  Object.assign(server, { requireHostHeader: false });
}

/**
 * Ends requests that do not end by themselves, in Node before Koa or a handler has seen them whole. Bodies that are read
 * as a whole have less time, by their size (`body.ts`); this leaves enough for an upload. How long an answer takes, as a
 * stream's, is not bounded by it.
 */
export function limitRequests(server: Server): void {
  server.headersTimeout = HEADERS_MS_MAX;
  server.requestTimeout = REQUEST_MS_MAX;
}

/** Answers on the bare socket and closes it. */
function endWith(socket: Duplex, status: string, error: AppError): void {
  socket.on('error', () => socket.destroy());
  const body = JSON.stringify(toEnvelope(error));
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `X-Request-Id: ${randomUUID()}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
