import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { announceReady } from '../platform/ready';

/** A request as the receiver saw it. */
export interface Arrival {
  /** Epoch milliseconds with fractions, comparable over processes of one machine. */
  atMs: number;
  body: string;
}

/**
 * A receiver that takes every POST at once with 204; a process of its own, as receivers are. `GET /count` tells how many
 * came, `GET /arrivals` which, and forgets them.
 */
function main(): void {
  let arrivals: { atMs: number; body: Buffer }[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === '/count') return void response.end(JSON.stringify(arrivals.length));
    if (request.url === '/arrivals') {
      response.end(JSON.stringify(arrivals.map(({ atMs, body }): Arrival => ({ atMs, body: body.toString('utf8') }))));
      arrivals = [];
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      arrivals.push({ atMs: performance.timeOrigin + performance.now(), body: Buffer.concat(chunks) });
      response.writeHead(204).end();
    });
  };
  const server = createServer(answer).listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') announceReady({ port: address.port });
  });
  process.once('SIGTERM', () => {
    server.closeAllConnections();
    server.close();
  });
}

main();
