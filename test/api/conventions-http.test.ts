import { call, createTestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';
import { exchange } from '../support/raw-http';

const OPS_TOKEN = 'operator-token-of-at-least-32-characters';
const METRICS_TOKEN = 'metrics-token';
const LISTED = 'https://listed.example';

/** What Node would answer by itself, and what stands beside the public surface. */
describe('the edges of HTTP', () => {
  let guardedUrl: string;

  const { stack, database, url } = useStack({ workers: 0 });
  const port = (): number => stack.apis[0]?.port ?? 0;

  beforeAll(async () => {
    const guarded = await stack.startApi({
      OPS_ADMIN_TOKEN: OPS_TOKEN,
      METRICS_TOKEN,
      CORS_ORIGINS: LISTED,
      DASHBOARD_ORIGINS: LISTED,
    });
    guardedUrl = guarded.baseUrl;
  });

  test.each([
    ['a target that is no URL', 'GET http://[x/ HTTP/1.1\r\nHost: x\r\nConnection: close', 404, 'NOT_FOUND'],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close', 400, 'VALIDATION_ERROR'],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: x', 404, 'NOT_FOUND'],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close', 404, 'NOT_FOUND'],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: x', 400, 'VALIDATION_ERROR'],
    [
      'two lengths',
      'POST /v1/register HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3',
      400,
      'VALIDATION_ERROR',
    ],
    ['HTTP/2 without an agreement', 'PRI * HTTP/2.0\r\n\r\nSM', 400, 'VALIDATION_ERROR'],
  ])('conventions#1: %s is answered with the flat envelope', async (_name, head, status, code) => {
    const answer = await exchange(port(), `${head}\r\n\r\n`);
    expect(answer).toMatchObject({ status, body: { code, message: expect.any(String) } });
    expect(answer.head.toLowerCase()).toContain('x-request-id: ');
    expect(answer.head.toLowerCase()).toContain('content-type: application/json');
  });

  test('an expectation that nobody knows is ignored', async () => {
    const answer = await exchange(port(), 'GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nConnection: close\r\n\r\n');
    expect(answer).toMatchObject({ status: 200, body: { name: 'AgentChat API', status: 'alive' } });
  });

  test('bytes that are no HTTP do not garble an answer that is on its way on the same connection', async () => {
    const answer = await exchange(port(), 'GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n');
    expect([200, 400]).toContain(answer.status);
    expect(answer.text.split('HTTP/1.1 ').length).toBeLessThanOrEqual(3);
    if (answer.status === 400) expect(answer.body.code).toBe('VALIDATION_ERROR');
  });

  test('doubled slashes collapse, a trailing slash is another path, HEAD follows GET', async () => {
    const { apiKey: key } = await createTestAgent(database);
    expect((await call(url(), 'GET', '//v1///agents//me', { key })).status).toBe(200);
    expect(await call(url(), 'GET', '/v1/agents/me/', { key })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    });
    const [get, head] = [await call(url(), 'GET', '/'), await call(url(), 'HEAD', '/')];
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([
      200,
      '',
      get.headers.get('content-length'),
    ]);
    expect((await call(url(), 'HEAD', '/v1/agents/me')).status).toBe(401);
    expect((await call(url(), 'HEAD', '/v1/register')).status).toBe(404);
    expect((await call(url(), 'DELETE', '/v1/register')).body.code).toBe('NOT_FOUND');
  });

  test('the order of the pipeline: route before key, key before state, key before size', async () => {
    const oversize = 'x'.repeat(1_048_577);
    const wrong = { authorization: 'Bearer nothing' };
    const refused = async (path: string) =>
      (await call(url(), 'POST', path, { body: oversize, headers: wrong })).body.code;
    expect(await refused('/v1/nowhere')).toBe('NOT_FOUND');
    expect(await refused('/v1/messages')).toBe('UNAUTHORIZED');
    expect(await refused('/v1/register')).toBe('PAYLOAD_TOO_LARGE');
  });

  test('root and health tell what contract §17 lists', async () => {
    const root = await call(url(), 'GET', '/');
    expect(root.body).toEqual({
      name: 'AgentChat API',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      status: 'alive',
    });
    const health = await call(url(), 'GET', '/v1/health');
    expect([health.status, health.body]).toEqual([
      200,
      { status: 'ok', mongodb: true, bus: true, temporal: true, blobs: true },
    ]);
  });

  test('the reference page needs no other host', async () => {
    const page = await call(url(), 'GET', '/docs');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.text).not.toMatch(/(src|href)="https?:/);
    const script = await call(url(), 'GET', '/docs/reference.js');
    expect(script.headers.get('content-type')).toContain('text/javascript');
    expect(script.text.length).toBeGreaterThan(100_000);
  });

  test('metrics are open without a token, and closed to all others with one', async () => {
    const open = await call(url(), 'GET', '/internal/metrics');
    expect([open.status, open.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(open.text).toContain('agentchat_http_request_seconds_count{method="GET",route="/v1/health",status="200"}');
    const scrape = (authorization?: string) =>
      call(guardedUrl, 'GET', '/internal/metrics', { headers: authorization === undefined ? {} : { authorization } });
    for (const authorization of [
      undefined,
      'Bearer wrong',
      METRICS_TOKEN,
      `Basic ${METRICS_TOKEN}`,
      `Bearer ${OPS_TOKEN}`,
    ])
      expect(await scrape(authorization)).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
    expect((await scrape(`Bearer ${METRICS_TOKEN}`)).status).toBe(200);
  });

  test('other internal paths: 503 without a configured token, 401 for a wrong one, and no CORS', async () => {
    const off = await call(url(), 'GET', '/internal/anything');
    expect([off.status, off.body.code]).toEqual([503, 'OPS_AUTH_REQUIRED']);
    expect(Number(off.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(off.headers.get('access-control-allow-origin')).toBeNull();
    for (const key of ['wrong', METRICS_TOKEN, `${OPS_TOKEN}x`]) {
      const refused = await call(guardedUrl, 'POST', '//internal/anything', { key });
      expect([refused.status, refused.body.code]).toEqual([401, 'OPS_AUTH_REQUIRED']);
    }
    expect((await call(guardedUrl, 'GET', '/internal/anything', { key: OPS_TOKEN })).body.code).toBe('NOT_FOUND');
  });

  test('conventions#12: with a list of origins only those are let in, and caches are told', async () => {
    const from = async (origin: string, path: string) => {
      const { headers } = await call(guardedUrl, 'GET', path, { headers: { origin } });
      expect(headers.get('vary')).toContain('Origin');
      return [headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')];
    };
    expect(await from(LISTED, '/v1/agents/me')).toEqual([LISTED, null]);
    expect(await from('https://other.example', '/v1/agents/me')).toEqual([null, null]);
    expect(await from(LISTED, '/dashboard/me')).toEqual([LISTED, 'true']);
    expect(await from('https://other.example', '//dashboard/me')).toEqual([null, null]);
  });
});
