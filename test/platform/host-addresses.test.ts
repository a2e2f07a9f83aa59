import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { isForbiddenAddress } from '../../domain/addresses';
import { lookUpAddresses } from '../../platform/host-addresses';

const A = 1;
const AAAA = 28;

/** A name server on this machine that knows these names; for `silent.example` it never answers. */
const ADDRESSES: Record<string, { [A]?: number[][]; [AAAA]?: number[][] }> = {
  'mixed.example': {
    [A]: [
      [8, 8, 8, 8],
      [169, 254, 169, 254],
    ],
  },
  'mapped.example': { [AAAA]: [[...Array(10).fill(0), 0xff, 0xff, 10, 0, 0, 1]] },
  'public.example': { [A]: [[1, 1, 1, 1]] },
};

describe('what a host name resolves to', () => {
  let server: Socket;
  let servers: string[];

  beforeAll(async () => {
    server = createSocket('udp4');
    server.on('message', (query, { port, address }) => {
      const answer = answerTo(query);
      if (answer !== null) server.send(answer, port, address);
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    servers = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
  });
  afterAll(() => new Promise<void>((resolve) => void server.close(() => resolve())));

  const isRefused = async (host: string) => (await lookUpAddresses(host, { servers })).some(isForbiddenAddress);

  test('webhooks.md §3: a name is refused when only one of its addresses is forbidden, in either family', async () => {
    expect(await lookUpAddresses('mixed.example', { servers })).toEqual(['8.8.8.8', '169.254.169.254']);
    expect(await isRefused('mixed.example')).toBe(true);
    expect(await isRefused('mapped.example')).toBe(true);
    expect(await isRefused('public.example')).toBe(false);
  });

  test('a name that nobody knows, and a server that does not answer, give no address', async () => {
    expect(await lookUpAddresses('unknown.example', { servers })).toEqual([]);
    expect(await lookUpAddresses('silent.example', { servers, timeoutMs: 50 })).toEqual([]);
  });
});

function answerTo(query: Buffer): Buffer | null {
  const { name, end } = readName(query);
  if (name === 'silent.example') return null;
  const type = query.readUInt16BE(end);
  const known = ADDRESSES[name];
  const records = (type === A || type === AAAA ? known?.[type] : undefined) ?? [];
  const header = Buffer.from(query.subarray(0, 12));
  // An answer; of an unknown name NXDOMAIN.
  header.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  const answers = records.map((address) =>
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address.length, ...address]),
  );
  return Buffer.concat([header, query.subarray(12, end + 4), ...answers]);
}

/** The name that is asked for; `end` is behind it. */
function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString());
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}
