import { ENDPOINTS } from '../../contract/endpoints';
import { call } from '../support/agents';
import { servedEndpoints } from '../support/routes';
import { useStack } from '../support/use-stack';

/** One answer, as the check of every test run sees it (support/check-responses.cjs). */
interface Seen {
  method: string;
  url: string;
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

const { createResponseCheck } = jest.requireActual<{ createResponseCheck: () => (seen: Seen) => string | null }>(
  '../support/response-check.cjs',
);

describe('the router and the OpenAPI document', () => {
  const routes = servedEndpoints();
  const names = (endpoints: typeof routes) => endpoints.map(({ method, path }) => `${method} ${path}`).sort();

  test('the router serves every endpoint of the document, and publicly nothing else', () => {
    expect(names(routes.filter(({ isInternal }) => isInternal !== true))).toEqual(names(ENDPOINTS));
  });

  test('the same object declares an endpoint to both, and no two share a method and a path', () => {
    for (const endpoint of ENDPOINTS) expect(routes).toContain(endpoint);
    const all = names(routes).map((name) => name.replace(/:\w+/g, ':'));
    expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
  });

  test('what is not public stands under a path of its own', () => {
    for (const { path } of routes.filter(({ isInternal }) => isInternal)) {
      expect(path).toMatch(/^\/(internal|docs|avatars|dashboard|app|c|x402)(\/|$)/);
    }
  });
});

const OWNER = { email: 'you@example.com', display_name: null, created_at: '2026-01-01T00:00:00.000Z' };

describe('the check of every answer', () => {
  const check = createResponseCheck();
  const seen = (changes: Partial<Omit<Seen, 'body'>> & { body?: unknown }): Seen => ({
    method: 'GET',
    url: '/',
    status: 200,
    headers: { 'x-request-id': 'x' },
    ...changes,
    body: Buffer.from(JSON.stringify(changes.body ?? { name: 'AgentChat API', version: '1.0.0', status: 'alive' })),
  });
  const refusal = (code: string, details?: object) => ({ code, message: 'No', details });

  test.each<[string, Seen, RegExp | null]>([
    ['an answer as described', seen({}), null],
    ['a field that is not described', seen({ body: { name: '', version: '', status: '', extra: 1 } }), /additional/],
    ['a field that is missing', seen({ body: { name: '', version: '' } }), /required/],
    ['a status that is not described', seen({ status: 418 }), /no 418/],
    ['a refusal as described', seen({ url: '/v1/agents/me', status: 401, body: refusal('UNAUTHORIZED') }), null],
    [
      'a code that is not described',
      seen({ url: '/v1/agents/me', status: 401, body: refusal('FORBIDDEN') }),
      /enum|allowed/,
    ],
    ['an owner as described', seen({ url: '/dashboard/me', body: OWNER }), null],
    ['an owner with an id', seen({ url: '/dashboard/me', body: { ...OWNER, id: 'x' } }), /additional/],
    ['an unknown path of the dashboard that succeeds', seen({ url: '/dashboard/x', body: {} }), /not have this route/],
    ['an answer of a route that is not described', seen({ url: '/v1/secret' }), /not have this route/],
    ['an unknown route refused in the envelope', seen({ url: '/v1/x', status: 404, body: refusal('NOT_FOUND') }), null],
    ['an unknown route refused otherwise', seen({ url: '/v1/x', status: 404, body: 'Not Found' }), /envelope/],
    [
      'an unknown method of a literal path beside a parameter',
      seen({ url: '/v1/agents/me', method: 'PATCH', status: 404, body: refusal('NOT_FOUND') }),
      null,
    ],
    ['an answer without an id', seen({ headers: {} }), /X-Request-Id/],
    [
      'conventions#6: a wait without Retry-After',
      seen({ url: '/v1/register', method: 'POST', status: 429, body: refusal('OTP_COOLDOWN', { retry_after_ms: 1 }) }),
      /Retry-After/,
    ],
  ])('%s', (_name, answer, fault) => {
    const found = check(answer);
    if (fault === null) expect(found).toBeNull();
    else expect(found).toMatch(fault);
  });
});

describe('a stack', () => {
  const { url } = useStack({ workers: 0 });

  test('serves the document of its own address', async () => {
    const { status, body } = await call(url(), 'GET', '/v1/openapi.json');
    expect([status, body.openapi, body.components.securitySchemes.BearerAuth.scheme]).toEqual([200, '3.1.0', 'bearer']);
    expect(body.servers).toEqual([{ url: 'http://localhost:0' }]);
    expect(Object.values(body.paths).flatMap((path) => Object.keys(path as object))).toHaveLength(ENDPOINTS.length);
  });
});
