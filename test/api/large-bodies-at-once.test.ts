import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBodyReader } from '../../api/http/body';
import { LargeBodies } from '../../api/http/large-bodies';
import { isAppError } from '../../contract/errors';
import { JSON_BODY_BYTES_MAX } from '../../contract/limits';
import { use } from '../support/use';
import { waitFor } from '../support/wait';

const MIB = 1_048_576;

describe('large bodies at once', () => {
  const large = new LargeBodies(8 * MIB);
  /** Bodies that were read and not forgotten. */
  const kept: { forget: () => void; bytes: number }[] = [];
  const server = use(
    async () => {
      const opened = createServer((incoming: IncomingMessage, answer) => {
        const body = createBodyReader(
          incoming,
          { bytesMax: 16 * MIB, code: 'PAYLOAD_TOO_LARGE', msMax: 60_000 },
          large,
        );
        body.read().then(
          (bytes) => {
            kept.push({ forget: () => body.forget(), bytes: bytes.length });
            answer.end('200');
          },
          (error: unknown) => {
            body.forget();
            incoming.resume();
            answer.end(isAppError(error) ? String(error.status) : 'fault');
          },
        );
      });
      await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve));
      return opened;
    },
    (opened) => opened.close(),
  );
  async function send(bytes: number): Promise<string> {
    // A server that listens on a port has an address of this form.
    const { port } = server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, method: 'POST', agent: false }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += String(chunk))).on('end', () => resolve(text));
      });
      outgoing.on('error', reject);
      outgoing.end(Buffer.alloc(bytes));
    });
  }

  test('what there is no room for is 503; usual bodies pass, and what is forgotten makes room', async () => {
    expect([await send(5 * MIB), await send(5 * MIB)]).toEqual(['200', '200']);
    expect(await send(5 * MIB)).toBe('503');
    expect(await send(JSON_BODY_BYTES_MAX)).toBe('200');
    kept[0]?.forget();
    kept[0]?.forget();
    expect(await send(5 * MIB)).toBe('200');
    expect(await send(5 * MIB)).toBe('503');
    await waitFor(() => kept.length === 4);
  });
});
