import { createServer } from 'node:net';
import { once } from 'node:events';

/** Longer than a read of figures on this machine takes; a scrape must not hang. */
const READ_MS_MAX = 2_000;

/**
 * A free address on this machine alone: Temporal's native part serves its figures there, and the worker's own port hands
 * them on. It can only be given an address, so another process may take it in between; then the worker does not start,
 * and its supervisor tries again.
 */
export async function freeLoopbackAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return `127.0.0.1:${address.port}`;
}

/**
 * The figures of Temporal's native part in Prometheus' text.
 * @throws when it does not answer in time
 */
export async function readCoreMetrics(address: string): Promise<string> {
  const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(READ_MS_MAX) });
  return response.text();
}
