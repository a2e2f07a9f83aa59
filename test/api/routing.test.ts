import { randomBytes } from 'node:crypto';
import { agentRoute, publicRoute, type Route } from '../../api/http/route';
import type { Endpoint } from '../../contract/endpoint';
import { call, createTestAgent } from '../support/agents';
import { startProbeApi, type ProbeApi, probeEndpoint } from '../support/probe-api';

/** A route that answers which one it is, and with which parameters. */
const open = (method: Endpoint['method'], path: string, addressLimit?: Endpoint['addressLimit']): Route =>
  publicRoute(probeEndpoint(method, path, { auth: 'none', addressLimit }), ({ params }) =>
    Promise.resolve({ status: 200, body: { path, params } }),
  );
const guarded = (method: Endpoint['method'], path: string): Route =>
  agentRoute(probeEndpoint(method, path, { auth: 'agent' }), ({ params }) =>
    Promise.resolve({ status: 200, body: { path, params } }),
  );

/** Parameters stand before the literals in their place: the order of this list must not matter. */
const routes: Route[] = [
  open('GET', '/v1/box/:name'),
  open('GET', '/v1/box/:other/list'),
  open('GET', '/v1/box/me'),
  open('POST', '/v1/box/lost'),
  open('POST', '/v1/box/lost/found'),
  open('POST', '/v1/box/:name/turn', 'register'),
  guarded('PATCH', '/v1/box/:name'),
  open('GET', '/v1/box/:name/lid/:lid'),
  open('GET', '/page/*'),
  open('GET', '/page'),
  open('GET', '/page/assets/:file'),
];

/** conventions.md §1, §2: which paths are known, and that all others are refused before anything is counted. */
describe('routing', () => {
  let api: ProbeApi;
  let key: string;

  beforeAll(async () => {
    api = await startProbeApi(`test-routing-${randomBytes(6).toString('hex')}`, routes);
    key = (await createTestAgent(api.database)).apiKey;
  });
  afterAll(async () => {
    await api.database.db.dropDatabase();
    await api.stop();
  });

  const found = async (method: string, path: string) => {
    const { status, body } = await call(api.baseUrl, method, path, { key });
    return status === 200 ? [body.path, body.params] : [status, body.code];
  };
  const unknown = [404, 'NOT_FOUND'];

  test.each([
    ['GET', '/v1/box/me', ['/v1/box/me', {}]],
    ['GET', '/v1/box/you', ['/v1/box/:name', { name: 'you' }]],
    ['GET', '/v1/box/you/list', ['/v1/box/:other/list', { other: 'you' }]],
    ['GET', '/v1/box/a/lid/b', ['/v1/box/:name/lid/:lid', { name: 'a', lid: 'b' }]],
    ['PATCH', '/v1/box/you', ['/v1/box/:name', { name: 'you' }]],
    ['POST', '/v1/box/lost/found', ['/v1/box/lost/found', {}]],
    ['POST', '/v1/box/you/turn', ['/v1/box/:name/turn', { name: 'you' }]],
  ])('literals come before parameters, whatever the order of the list: %s %s', async (method, path, expected) => {
    expect(await found(method, path)).toEqual(expected);
  });

  test.each([
    ['PATCH', '/v1/box/me'],
    ['GET', '/v1/box/lost'],
    ['GET', '/v1/box/lost/list'],
    ['POST', '/v1/box/lost/turn'],
    ['POST', '/v1/box/me/turn'],
    ['GET', '/v1/box/me/lid/b'],
  ])('a literal is never taken for a parameter, not even where it leads nowhere: %s %s', async (method, path) => {
    expect(await found(method, path)).toEqual(unknown);
  });

  test.each([
    ['%40you', '@you'],
    ['a%2Fb', 'a/b'],
    ['%6de', 'me'],
    ['%zz', '%zz'],
    ['100%', '100%'],
    ['ME', 'ME'],
    ['a.b~c', 'a.b~c'],
    ['%E2%82%AC', '€'],
  ])('a segment is decoded after it was matched, or taken as it is: %s', async (segment, name) => {
    expect(await found('GET', `/v1/box/${segment}`)).toEqual(['/v1/box/:name', { name }]);
  });

  test.each([
    '/v1/box',
    '/v1/box/',
    '/v1/box/you/',
    '/V1/box/you',
    '/v1/Box/you',
    '/v1/box/you/list/x',
    '/v1/box/a/lid/',
  ])('case, a trailing slash and a missing segment make another path: %s', async (path) => {
    expect(await found('GET', path)).toEqual(unknown);
  });

  test('doubled slashes count as one', async () => {
    expect(await found('GET', '//v1///box//you')).toEqual(['/v1/box/:name', { name: 'you' }]);
  });

  test.each([
    ['/page', '/page', {}],
    ['/page/', '/page/*', {}],
    ['/page/a/b', '/page/*', {}],
    ['/page/assets', '/page/*', {}],
    ['/page/assets/', '/page/*', {}],
    ['/page/assets/x.js', '/page/assets/:file', { file: 'x.js' }],
    ['/page/assets/x/y', '/page/*', {}],
  ])('a path with a star gets whatever nothing else below it answers: %s', async (path, route, params) => {
    expect(await found('GET', path)).toEqual([route, params]);
  });

  test('HEAD follows GET, and a method without a route is an unknown route', async () => {
    expect((await call(api.baseUrl, 'HEAD', '/v1/box/me')).status).toBe(200);
    expect((await call(api.baseUrl, 'HEAD', '/v1/box/lost')).status).toBe(404);
    for (const method of ['PUT', 'DELETE', 'POST']) expect(await found(method, '/v1/box/you')).toEqual(unknown);
    expect((await call(api.baseUrl, 'OPTIONS', '/v1/box/nowhere/at/all')).status).toBe(204);
  });

  test('conventions#2: an unknown route is refused before limits, keys and bodies are looked at', async () => {
    const windows = () => api.database.rateWindows.find().toArray();
    const before = await windows();
    const refused = async (method: string, path: string) => {
      const bad = { body: 'x'.repeat(1_048_577), headers: { authorization: 'Bearer wrong' } };
      const { status, body } = await call(api.baseUrl, method, path, bad);
      return [status, body.code];
    };
    for (const path of ['/v1/nowhere', '/v1/box/me']) expect(await refused('PATCH', path)).toEqual(unknown);
    expect(await refused('POST', '/v1/box/me/turn')).toEqual(unknown);
    expect(await windows()).toEqual(before);
    expect(await refused('PATCH', '/v1/box/you')).toEqual([401, 'UNAUTHORIZED']);
    expect(await refused('POST', '/v1/box/you/turn')).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(await windows()).not.toEqual(before);
  });
});
