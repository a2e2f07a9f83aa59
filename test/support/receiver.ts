import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useEach } from './use';
import { waitFor } from './wait';

/** Lets a stack's webhooks go to receivers on this machine, as the local stack does. */
export const LOCAL_RECEIVERS = { WEBHOOK_ALLOW_HTTP: 'on', WEBHOOK_ALLOW_PRIVATE: 'on' } as const;

/** A request as it came in. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  /** The raw bytes. */
  body: Buffer;
  atMs: number;
}

/** A receiver of webhooks on a port of its own. */
export interface Receiver {
  url: string;
  port: number;
  requests: Received[];
  /** Attempts that were on the wire at the same time, at most. */
  readonly atOnceMax: number;
  /** How the requests from now on are answered; by default 200. */
  answer(how: Answer): void;
  /** Waits until at least `count` requests are in. */
  received(count: number): Promise<Received[]>;
  close(): Promise<void>;
}

/** A receiver of its own for each test of the surrounding block. */
export function useReceiver(): Receiver {
  return useEach(startReceiver, (receiver) => receiver.close());
}

export type Answer = number | ((response: ServerResponse, request: Received, count: number) => void);

export async function startReceiver(path = '/hook'): Promise<Receiver> {
  const requests: Received[] = [];
  let answer: Answer = 200;
  let atOnce = 0;
  let atOnceMax = 0;
  const listener: RequestListener = (request, response) => {
    atOnce += 1;
    atOnceMax = Math.max(atOnceMax, atOnce);
    response.on('close', () => (atOnce -= 1));
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
        atMs: Date.now(),
      };
      requests.push(received);
      if (typeof answer === 'number') response.writeHead(answer).end();
      else answer(response, received, requests.length);
    });
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A listening TCP server has an address with a port: this is its parse point.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    port,
    requests,
    get atOnceMax() {
      return atOnceMax;
    },
    answer: (how) => {
      answer = how;
    },
    received: (count) =>
      waitFor(() => (requests.length >= count ? requests : null), {
        describe: `${count} requests, have ${requests.length}`,
      }),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
