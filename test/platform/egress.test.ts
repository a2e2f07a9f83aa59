import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isForbiddenAddress } from '../../domain/addresses';
import { createEgress, EXCHANGE_MS_MAX, type Egress, type EgressOptions } from '../../platform/egress/egress';
import { startReceiver, useReceiver } from '../support/receiver';
import { waitFor } from '../support/wait';
import { useEach } from '../support/use';

const request = { headers: { 'content-type': 'application/json' }, body: Buffer.from('{"a":1}') };

describe('requests to strangers', () => {
  const receiver = useReceiver();
  const opened = useEach(
    (): Egress[] => [],
    (all) => Promise.all(all.map((egress) => egress.close())),
  );

  function egressOf(options: Partial<EgressOptions> = {}): Egress {
    const egress = createEgress({
      resolve: () => Promise.resolve(['127.0.0.1']),
      isForbidden: () => false,
      allowHttp: true,
      ...options,
    });
    opened.push(egress);
    return egress;
  }
  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  const listen = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  test('posts the bytes, with path and query, and tells the status', async () => {
    const url = `http://hooks.example.com:${receiver.port}/hook?a=%20b`;
    expect(await egressOf().post(url, request)).toMatchObject({ kind: 'answered', status: 200, error: 'HTTP 200 OK' });
    const [seen] = receiver.requests;
    expect(seen).toMatchObject({ method: 'POST', path: '/hook?a=%20b', body: request.body });
    expect(seen?.headers).toMatchObject({ host: `hooks.example.com:${receiver.port}`, 'content-length': '7' });
    expect(Object.keys(seen?.headers ?? {})).not.toEqual(expect.arrayContaining(['cookie']));
    expect(seen?.headers).not.toHaveProperty('accept-encoding');
    expect(seen?.headers).not.toHaveProperty('authorization');
  });

  test.each([301, 302, 303, 307, 308])(
    'webhooks#8: a redirect (%s) is an answer like any other: its target gets no request',
    async (status) => {
      const target = await startReceiver('/elsewhere');
      receiver.answer((response) => response.writeHead(status, { location: target.url }).end());
      expect(await egressOf().post(receiver.url, request)).toMatchObject({ kind: 'answered', status });
      await target.close();
      expect(target.requests).toEqual([]);
    },
  );

  test('the status is told in our own words, the Retry-After header as it came', async () => {
    receiver.answer((response) => response.writeHead(503, 'Private Words', { 'retry-after': '120' }).end());
    expect(await egressOf().post(receiver.url, request)).toEqual({
      kind: 'answered',
      status: 503,
      retryAfter: '120',
      error: 'HTTP 503 Service Unavailable',
      headers: expect.objectContaining({ 'retry-after': '120' }),
      body: '',
      remoteIp: '127.0.0.1',
    });
  });

  test('webhooks#9: ten seconds for everything up to the headers, then it is a timeout', async () => {
    expect(EXCHANGE_MS_MAX).toBe(10_000);
    const timeout = { kind: 'fault', error: 'timeout', remoteIp: '127.0.0.1' };
    receiver.answer(() => undefined);
    expect(await egressOf({ timeoutMs: 150 }).post(receiver.url, request)).toEqual(timeout);
    const never: EgressOptions['resolve'] = () => new Promise(() => undefined);
    const slowNames = egressOf({ timeoutMs: 150, resolve: never });
    expect(await slowNames.post('https://slow.example.com/', request)).toEqual({ kind: 'fault', error: 'timeout' });
    receiver.answer((response) => response.writeProcessing());
    expect(await egressOf({ timeoutMs: 150 }).post(receiver.url, request)).toEqual(timeout);
  });

  test('webhooks#24: a name that resolves only or partly to a forbidden address is not connected to', async () => {
    const blocked = { kind: 'fault', error: 'blocked_address' };
    const url = `http://inside.example.com:${receiver.port}/`;
    for (const address of ['127.0.0.1', '169.254.169.254', '::ffff:10.0.0.1', '::ffff:127.0.0.1']) {
      for (const addresses of [[address], ['93.184.215.14', address]]) {
        const egress = egressOf({ isForbidden: isForbiddenAddress, resolve: () => Promise.resolve(addresses) });
        expect(await egress.post(url, request)).toEqual(blocked);
      }
    }
    for (const host of ['127.0.0.1', '2130706433', '0x7f000001', '017700000001', '[::ffff:127.0.0.1]']) {
      const egress = egressOf({ isForbidden: isForbiddenAddress });
      expect(await egress.post(`http://${host}:${receiver.port}/`, request)).toEqual(blocked);
    }
    expect(receiver.requests).toEqual([]);
  });

  test('webhooks#24: the name is resolved once an attempt, and the connection goes to what was checked', async () => {
    let asked = 0;
    // The second resolution points inside: whoever resolved again for the connection would end up there.
    const resolve = () => Promise.resolve([(asked += 1) === 1 ? '127.0.0.1' : '127.0.0.2']);
    const egress = egressOf({ resolve, isForbidden: (address) => address === '127.0.0.2' });
    const url = `http://rebinding.example.com:${receiver.port}/`;
    expect(await egress.post(url, request)).toMatchObject({ status: 200 });
    expect(asked).toBe(1);
    // A connection to the first address may still be open: the next attempt is checked all the same.
    expect(await egress.post(url, request)).toEqual({ kind: 'fault', error: 'blocked_address' });
    expect(receiver.requests).toHaveLength(1);
  });

  test('webhooks#25: of an endless body 64 KiB are read, then the connection is dropped', async () => {
    let isClosed = false;
    let written = 0;
    receiver.answer((response) => {
      response.on('close', () => (isClosed = true));
      response.writeHead(200, { 'content-encoding': 'gzip' });
      const chunk = Buffer.alloc(65_536, 1);
      const pour = (): void => {
        while (!isClosed && response.write(chunk)) written += chunk.length;
        if (!isClosed) response.once('drain', pour);
      };
      pour();
    });
    const before = process.memoryUsage().rss;
    expect(await egressOf().post(receiver.url, request)).toMatchObject({ kind: 'answered', status: 200 });
    await waitFor(() => isClosed);
    // What fits into the buffers of two sockets on top of the limit, and no more.
    expect(written).toBeLessThan(16_777_216);
    expect(process.memoryUsage().rss - before).toBeLessThan(67_108_864);
  });

  test('webhooks#25: a body that never ends for its slowness does not hold the attempt', async () => {
    let isClosed = false;
    receiver.answer((response) => {
      response.on('close', () => (isClosed = true));
      response.writeHead(200);
      response.write('x');
    });
    expect(await egressOf().post(receiver.url, request)).toMatchObject({ status: 200 });
    await waitFor(() => isClosed);
  });

  test('plain http only where the operator allows it', async () => {
    expect(await egressOf({ allowHttp: false }).post(receiver.url, request)).toEqual({
      kind: 'fault',
      error: 'https_required',
    });
    expect(receiver.requests).toEqual([]);
  });

  test('faults have short fixed texts', async () => {
    const refused = createTcpServer();
    await listen(refused);
    const freePort = portOf(refused);
    await new Promise((resolve) => refused.close(resolve));
    expect(await egressOf().post(`http://a.example.com:${freePort}/`, request)).toEqual({
      kind: 'fault',
      error: 'connection_refused',
      remoteIp: '127.0.0.1',
    });
    const resetting = createTcpServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
    await listen(resetting);
    expect(await egressOf().post(`http://a.example.com:${portOf(resetting)}/`, request)).toEqual({
      kind: 'fault',
      error: 'connection_reset',
      remoteIp: '127.0.0.1',
    });
    await new Promise((resolve) => resetting.close(resolve));
    const babbling = createTcpServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('I am no HTTP server\r\n\r\n'),
    );
    await listen(babbling);
    expect(await egressOf().post(`http://a.example.com:${portOf(babbling)}/`, request)).toEqual({
      kind: 'fault',
      error: 'malformed_answer',
      remoteIp: '127.0.0.1',
    });
    await new Promise((resolve) => babbling.close(resolve));
    const resolve = () =>
      Promise.reject(Object.assign(new Error('queryA ENOTFOUND private.example.com'), { code: 'ENOTFOUND' }));
    expect(await egressOf({ resolve }).post('https://private.example.com/', request)).toEqual({
      kind: 'fault',
      error: 'dns_failure',
    });
  });

  test('closing cuts what is open', async () => {
    receiver.answer(() => undefined);
    const egress = egressOf();
    const open = egress.post(receiver.url, request);
    await receiver.received(1);
    await egress.close();
    expect(await open).toMatchObject({ kind: 'fault' });
  });

  describe('over TLS', () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentchat-tls-'));
    const key = join(folder, 'key.pem');
    const cert = join(folder, 'cert.pem');
    const names: string[] = [];
    let server: Server;

    beforeAll(async () => {
      const subject = ['-subj', '/CN=hooks.example.com', '-addext', 'subjectAltName=DNS:hooks.example.com'];
      const made = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ];
      execFileSync('openssl', [...made, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
      const files = { key: readFileSync(key), cert: readFileSync(cert) };
      const SNICallback = (name: string, done: (error: null) => void) => {
        names.push(name);
        done(null);
      };
      server = createTlsServer({ ...files, SNICallback }, (_, response) => response.writeHead(204).end());
      await listen(server);
    });
    afterAll(async () => {
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    });

    test('the TLS name is the host of the URL, whatever the address', async () => {
      const egress = egressOf({ allowHttp: false, ca: readFileSync(cert, 'utf8') });
      expect(await egress.post(`https://hooks.example.com:${portOf(server)}/`, request)).toMatchObject({ status: 204 });
      expect(names).toEqual(['hooks.example.com']);
      await egress.close();
    });

    test('a certificate that does not verify, or is for another name, is a failure', async () => {
      const remoteIp = '127.0.0.1';
      const untrusted = await egressOf().post(`https://hooks.example.com:${portOf(server)}/`, request);
      expect(untrusted).toEqual({ kind: 'fault', error: 'tls_failure DEPTH_ZERO_SELF_SIGNED_CERT', remoteIp });
      const other = egressOf({ ca: readFileSync(cert, 'utf8') });
      const misnamed = await other.post(`https://other.example.com:${portOf(server)}/`, request);
      expect(misnamed).toEqual({ kind: 'fault', error: 'tls_failure ERR_TLS_CERT_ALTNAME_INVALID', remoteIp });
    });
  });
});
