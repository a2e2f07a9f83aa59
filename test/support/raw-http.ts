import { connect } from 'node:net';
import type { Parsed } from './agents';

/** Of both sides: then the server waits for more bytes. */
const SILENT_MS = 1_000;
const ANSWER_MS_MAX = 20_000;

/** Sends bytes over a socket of their own and reads the first answer; half-closes it when the server waits for more. */
export function exchange(
  port: number,
  bytes: Uint8Array | string,
): Promise<{ status: number; head: string; body: Parsed; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const chunks: Buffer[] = [];
    const read = () => {
      const text = Buffer.concat(chunks).toString('latin1');
      const [head = '', body = ''] = text.split('\r\n\r\n', 2);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
      resolve({ status, head, text, body: body.startsWith('{') ? parse(body) : undefined });
    };
    socket.setTimeout(SILENT_MS);
    socket.once('timeout', () => {
      socket.end();
      socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('No answer after the last byte')));
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => {
      socket.destroy();
      read();
    });
    // The server may close while bytes are still on their way: what it answered counts.
    socket.on('error', (error) => (chunks.length > 0 ? read() : reject(error)));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}

function parse(text: string): Parsed {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
