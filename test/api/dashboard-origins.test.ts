import { DASHBOARD_ENDPOINTS } from '../../contract/endpoints-dashboard';
import { OWNER_WEBHOOK_ENDPOINTS } from '../../contract/endpoints-owner-webhooks';
import { PAUSE_ENDPOINTS } from '../../contract/endpoints-pause';
import { createTestAgent } from '../support/agents';
import { callAs, claim, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';

const LISTED = 'https://owners.example.com';

describe('calls that pages of other sites make', () => {
  const { stack, database, url } = useStack({
    workers: 0,
    env: { DASHBOARD_ORIGINS: LISTED, PUBLIC_BASE_URL: 'https://chat.example.com' },
  });

  const unsafe = [...DASHBOARD_ENDPOINTS, ...PAUSE_ENDPOINTS, ...OWNER_WEBHOOK_ENDPOINTS].filter(
    ({ method }) => method !== 'GET',
  );

  test.each(unsafe.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
    'dashboard#6: %s from a foreign origin is 403, before anything else, and changes nothing',
    async (_name, { method, path }) => {
      const owner = await signInOwner(stack);
      const [claimed, free] = [await createTestAgent(database), await createTestAgent(database)];
      await claim(owner, claimed);
      const bodies: Record<string, object> = {
        '/dashboard/auth/otp/request': { email: owner.email },
        '/dashboard/auth/otp/verify': { pending_id: 'dpnd_x', code: '123456' },
        '/dashboard/agents/claim': { api_key: free.apiKey },
        '/dashboard/agents/:handle/pause': { mode: 'full' },
      };
      const state = async () => {
        const { owners, claims, ownerSessions, pendings, auditEvents, agents, guards } = database;
        const all = [owners, claims, ownerSessions, pendings, auditEvents, agents, guards];
        return Promise.all(all.map((collection) => collection.find({}).sort({ _id: 1 }).toArray()));
      };
      const before = await state();
      const target = path.replace(':handle', claimed.agent.handle);
      const foreign: Record<string, string>[] = [
        { origin: 'https://evil.example.com' },
        { origin: 'null' },
        { origin: 'http://chat.example.com' },
        { origin: 'https://chat.example.com:444' },
        { origin: `${LISTED}.evil.example` },
        { origin: url() },
        { 'sec-fetch-site': 'cross-site' },
        { origin: 'https://chat.example.com', 'sec-fetch-site': 'cross-site' },
      ];
      for (const headers of foreign) {
        for (const cookies of [owner.cookies, undefined]) {
          const answer = await callAs(url(), method, target, { headers, cookies, body: bodies[path] });
          expect([headers, answer.status, answer.body?.code]).toEqual([headers, 403, 'FORBIDDEN']);
          expect(answer.headers.getSetCookie()).toEqual([]);
        }
      }
      expect(await state()).toEqual(before);
    },
  );

  test('the own origin, listed ones and callers that are no browser may', async () => {
    const owner = await signInOwner(stack);
    const welcome: Record<string, string>[] = [
      {},
      { origin: 'https://chat.example.com' },
      { origin: 'https://chat.example.com', 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'same-site' },
      { origin: LISTED },
      { origin: LISTED, 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of welcome) {
      expect((await owner.call('POST', '/dashboard/auth/refresh', { headers })).status).toBe(200);
    }
  });

  test('a read is answered whoever asks; only listed origins may see the answer, with credentials', async () => {
    const owner = await signInOwner(stack);
    const ask = (origin: string) => owner.call('GET', '/dashboard/me', { headers: { origin } });
    const listed = await ask(LISTED);
    expect([listed.status, listed.headers.get('access-control-allow-origin')]).toEqual([200, LISTED]);
    expect(listed.headers.get('access-control-allow-credentials')).toBe('true');
    expect(listed.headers.get('access-control-expose-headers')).toBe('Retry-After, Server-Timing');
    const foreign = await ask('https://evil.example.com');
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([200, null]);
    const preflight = await callAs(url(), 'OPTIONS', '/dashboard/agents/claim', { headers: { origin: LISTED } });
    expect(preflight.headers.get('access-control-allow-headers')).toBe('Content-Type');
    expect(preflight.headers.get('access-control-max-age')).toBe('600');
  });

  test('bodies are JSON by type and by content; forms, plain texts and untyped bytes are 400', async () => {
    const owner = await signInOwner(stack);
    const { apiKey } = await createTestAgent(database);
    const body = JSON.stringify({ api_key: apiKey });
    const post = (type: string, content: string) =>
      owner.call('POST', '/dashboard/agents/claim', { body: content, headers: { 'content-type': type } });
    const types = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain', 'x', ''];
    for (const type of types) {
      expect(await post(type, body)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    }
    for (const content of ['', '{', 'null', '[]', '"x"', '{}']) {
      expect(await post('application/json', content)).toMatchObject({
        status: 400,
        body: { code: 'VALIDATION_ERROR' },
      });
    }
    expect((await post('Application/JSON; charset=utf-8', body)).status).toBe(201);
  });
});
