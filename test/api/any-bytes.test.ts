import fc from 'fast-check';
import { ENDPOINTS } from '../../contract/endpoints';
import { call, createTestAgent } from '../support/agents';
import { signInOwner } from '../support/owners';
import { exchange } from '../support/raw-http';
import { servedEndpoints } from '../support/routes';
import { useStack } from '../support/use-stack';

const RUNS_PER_ENDPOINT = 12;

/** The public surface and what the dashboard calls. */
const SERVED = [...ENDPOINTS, ...servedEndpoints().filter(({ path }) => path.startsWith('/dashboard/'))];

/** Bytes as a header or a path may carry them: nothing that would end the line. */
const lineBytes = fc
  .uint8Array({ maxLength: 40 })
  .map((array) => Buffer.from(array.filter((byte) => byte !== 0x0a && byte !== 0x0d && byte !== 0x20)));

/** A path segment: what callers type, what attackers type, and any bytes. */
const segment = fc.oneof(
  fc.constantFrom(
    'me',
    'alice',
    '%40alice',
    '@@a',
    '%00',
    '%E0%A4%A',
    '..',
    '%2F',
    '__proto__',
    'conv_x',
    'grp_AAAAAAAAAAAAAAAA',
  ),
  fc.string({ maxLength: 40 }).map(encodeURIComponent),
  lineBytes.map((bytes) => bytes.toString('latin1').replace(/[?#/]/g, '') || 'x'),
);

/** The fields that any endpoint reads, each with any value. */
const FIELDS = [
  ...new Set(
    SERVED.flatMap(({ request }) => {
      const schema = request?.body;
      return schema !== undefined && 'shape' in schema ? Object.keys(schema.shape as object) : [];
    }),
  ),
  'to',
  'content',
  'metadata',
];
const anyObject = fc
  .dictionary(
    fc.oneof(fc.constantFrom(...FIELDS), fc.constantFrom('__proto__', 'constructor', '$where')),
    fc.jsonValue(),
    {
      maxKeys: 8,
    },
  )
  .map((value) => JSON.stringify(value));
const body = fc.oneof(
  fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array)),
  fc.json({ noUnicodeString: false }).map((text) => Buffer.from(text)),
  anyObject.map((text) => Buffer.from(text)),
  fc
    .constantFrom('', '{}', 'null', '[]', '{"a":1e999}', '\ufeff{}', '{"handle":"\\ud800"}')
    .map((text) => Buffer.from(text)),
);

const queryNames = [
  ...new Set(
    SERVED.flatMap(({ request }) => {
      const schema = request?.query;
      return schema !== undefined && 'shape' in schema ? Object.keys(schema.shape as object) : ['limit'];
    }),
  ),
];
const query = fc
  .array(fc.tuple(fc.constantFrom(...queryNames), fc.oneof(fc.string({ maxLength: 20 }), fc.integer().map(String))), {
    maxLength: 3,
  })
  .map((pairs) => pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&'));

describe('any bytes on every route', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const port = (): number => stack.apis[0]?.port ?? 0;

  const routes = SERVED.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const);

  // Registrations and recoveries start flows: without Temporal's worker a valid one waits and is 503, as it should be.
  test.each(routes)('%s never answers 5xx and always answers', async (_name, { method, path, auth }) => {
    const { apiKey } = await createTestAgent(database);
    const { cookies } = await signInOwner(stack);
    await fc.assert(
      fc.asyncProperty(
        fc.array(segment, { minLength: 3, maxLength: 3 }),
        query,
        lineBytes,
        body,
        async (parts, search, header, content) => {
          let index = 0;
          const target = path.replace(/:\w+/g, () => parts[(index += 1) % parts.length] ?? 'x');
          const head = `${method} ${target}?${search} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
          const who = auth === 'owner' ? `Cookie: ${cookies}\r\n` : `Authorization: Bearer ${apiKey}\r\n`;
          const key = auth === 'none' ? '' : `${who}Content-Type: application/json\r\n`;
          const request = Buffer.concat([
            Buffer.from(`${head}${key}Idempotency-Key: `, 'latin1'),
            header,
            Buffer.from('\r\nX-Request-Id: '),
            header,
            Buffer.from(`\r\nContent-Length: ${content.length}\r\n\r\n`),
            content,
          ]);
          const answer = await exchange(port(), request);
          expect(answer.status).toBeGreaterThanOrEqual(200);
          expect(answer.status).toBeLessThan(500);
          if (answer.status >= 400 && answer.head.includes('application/json')) {
            expect(answer.body).toMatchObject({ code: expect.any(String), message: expect.any(String) });
          }
        },
      ),
      { numRuns: RUNS_PER_ENDPOINT },
    );
  });

  test('any Authorization header is a 401, never more', async () => {
    const plain = await call(url(), 'GET', '/v1/agents/me');
    const header = fc.oneof(
      fc.stringMatching(/^[\x21-\x7e]{0,80}$/),
      fc.stringMatching(/^[Bb]earer [\x21-\x7e]{0,80}$/),
      fc.stringMatching(/^Bearer ac_live_[\w-]{43}$/),
    );
    await fc.assert(
      fc.asyncProperty(header, async (authorization) => {
        const answer = await call(url(), 'GET', '/v1/agents/me', { headers: { authorization } });
        expect([answer.status, answer.text]).toEqual([401, plain.text]);
      }),
      { numRuns: 100 },
    );
  });
});
