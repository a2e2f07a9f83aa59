import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Parsed } from './agents';

/** How a facilitator answers to a request to settle. */
export type Settle = (response: ServerResponse, count: number) => void;

/** A facilitator over HTTP that does as a test tells it, and remembers what it was asked. */
export interface ScriptedFacilitator {
  url: string;
  verified: Parsed[];
  settled: Parsed[];
  /** How it settles from now on; by default it does. */
  onSettle(how: Settle): void;
  /** Nobody listens any more; `listen` begins again on the same port. */
  close(): Promise<void>;
  listen(): Promise<void>;
}

const TRANSACTION = `0x${'5e'.repeat(32)}`;

export const answerSettled: Settle = (response) =>
  void response.end(JSON.stringify({ success: true, transaction: TRANSACTION, network: 'eip155:84532' }));

export const answerRefused =
  (errorReason: string): Settle =>
  (response) =>
    void response.end(JSON.stringify({ success: false, errorReason, transaction: '', network: 'eip155:84532' }));

export async function startFacilitator(): Promise<ScriptedFacilitator> {
  const verified: Parsed[] = [];
  const settled: Parsed[] = [];
  let settle: Settle = answerSettled;
  let port = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const call = JSON.parse(Buffer.concat(chunks).toString()) as Parsed;
      response.setHeader('content-type', 'application/json');
      if (request.url === '/verify') {
        verified.push(call);
        response.end(JSON.stringify({ isValid: true, payer: call.paymentPayload.payload.authorization.from }));
        return;
      }
      settled.push(call);
      settle(response, settled.length);
    });
  });
  const listen = () =>
    new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        // A listening TCP server has an address with a port: this is its parse point.
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  await listen();
  return {
    url: `http://127.0.0.1:${port}`,
    verified,
    settled,
    onSettle: (how) => {
      settle = how;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
    listen,
  };
}
