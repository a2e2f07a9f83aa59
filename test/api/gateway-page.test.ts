import { call, createTestAgent } from '../support/agents';
import { callAs, claim } from '../support/owners';
import { signInUser, startEcho } from '../support/gateway';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

type Headers = Readonly<Record<string, string>>;

const PAGE = { 'x-agentchat-page': 'owners' };

/** gateway.md §2: the owners' page calls with its cookie, which counts nowhere else and from nowhere else. */
describe("the owners' page and the chat gateway", () => {
  const { stack, database, url } = useStack();
  const signIn = () => signInUser(stack);
  const codeOf = ({ status, body }: { status: number; body: { code?: string } }) => [status, body.code];

  test('gateway §2: the page is the owner that its cookie says: what it starts, the token finds', async () => {
    const user = await signIn();
    const agent = await startEcho(database, url());
    await claim(user.owner, agent.account);
    const path = `/api/agents/${agent.handle}/chat`;
    const said = await user.owner.call('POST', path, {
      body: { message: 'Hi' },
      headers: { ...PAGE, accept: 'application/json', origin: url(), 'sec-fetch-site': 'same-origin' },
    });
    expect([said.status, said.body.response]).toEqual([200, 'You said: Hi']);
    // It is read once it was sent.
    const listed = await waitFor(async () => {
      const answer = await user.owner.call('GET', `${path}/sessions`, { headers: PAGE });
      return answer.body.sessions[0].unread_count === 0 ? answer : undefined;
    });
    expect(listed.headers.get('cache-control')).toBe('no-store');
    expect(listed.body).toEqual((await user.call('GET', `${path}/sessions`)).body);
    expect(listed.body.sessions).toMatchObject([{ id: said.body.session_id }]);
    agent.disconnect();
  });

  test('gateway §2: a cookie without the header of the page is nobody; nor is the header without a cookie', async () => {
    const { owner } = await signIn();
    const without: Headers[] = [
      {},
      { 'x-agentchat-page': 'other' },
      { origin: url(), 'sec-fetch-site': 'same-origin' },
    ];
    for (const headers of without) {
      expect(codeOf(await owner.call('GET', '/api/agents', { headers }))).toEqual([401, 'UNAUTHORIZED']);
    }
    expect(codeOf(await callAs(url(), 'GET', '/api/agents', { headers: PAGE }))).toEqual([401, 'UNAUTHORIZED']);
    expect((await owner.call('GET', '/api/agents', { headers: PAGE })).status).toBe(200);
  });

  test('gateway §2: a page of another origin reads and changes nothing with the cookie', async () => {
    const { owner } = await signIn();
    const foreign: Headers[] = [
      { origin: 'https://elsewhere.example' },
      { origin: 'null' },
      { origin: url(), 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const more = { headers: { ...PAGE, ...headers } };
      expect(codeOf(await owner.call('GET', '/api/agents', more))).toEqual([403, 'FORBIDDEN']);
      expect(codeOf(await owner.call('POST', '/api/keys', { ...more, body: { name: 'k' } }))).toEqual([
        403,
        'FORBIDDEN',
      ]);
    }
    expect((await owner.call('GET', '/api/keys', { headers: PAGE })).body).toEqual([]);
  });

  test('gateway §2: browsers refuse other origins the header of the page, and cookies altogether', async () => {
    const { headers } = await call(url(), 'OPTIONS', '/api/agents', {
      headers: {
        origin: 'https://elsewhere.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'x-agentchat-page',
      },
    });
    expect(headers.get('access-control-allow-headers')?.toLowerCase()).not.toContain('x-agentchat-page');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    const { owner } = await signIn();
    const answer = await owner.call('GET', '/api/agents', { headers: PAGE });
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('gateway §2: an Authorization header decides alone, however wrong it is', async () => {
    const { owner } = await signIn();
    const { apiKey } = await createTestAgent(database);
    for (const [authorization, code] of [
      ['Bearer', 'UNAUTHORIZED'],
      ['Basic YTpi', 'UNAUTHORIZED'],
      [`Bearer ${apiKey}`, 'INVALID_API_KEY'],
      ['Bearer eyJhbGciOiJub25lIn0.e30.', 'UNAUTHORIZED'],
    ] as const) {
      const answer = await owner.call('GET', '/api/agents', { headers: { ...PAGE, authorization } });
      expect([authorization, ...codeOf(answer)]).toEqual([authorization, 401, code]);
    }
  });

  test('gateway §2: the cookie counts under /api only, and nothing but an access token counts in it', async () => {
    const user = await signIn();
    const { owner } = user;
    expect(codeOf(await owner.call('GET', '/agents', { headers: PAGE }))).toEqual([401, 'UNAUTHORIZED']);
    expect((await owner.call('GET', '/v1/agents/me', { headers: PAGE })).status).toBe(401);
    const { body } = await user.call('POST', '/api/keys', { body: { name: 'app' } });
    const { apiKey } = await createTestAgent(database);
    for (const value of [body.key, apiKey, 'x.y.z', '']) {
      const answer = await callAs(url(), 'GET', '/api/agents', {
        headers: PAGE,
        cookies: `ac_dashboard_session=${value}`,
      });
      expect([value, ...codeOf(answer)]).toEqual([value, 401, 'UNAUTHORIZED']);
    }
  });

  test('gateway §2: a session that was ended is over at once; a renewed one goes on', async () => {
    const { owner } = await signIn();
    expect((await owner.call('POST', '/dashboard/auth/refresh')).status).toBe(200);
    expect((await owner.call('GET', '/api/agents', { headers: PAGE })).status).toBe(200);
    const { cookies } = owner;
    await owner.call('POST', '/dashboard/auth/logout');
    const ended = await callAs(url(), 'GET', '/api/agents', { headers: PAGE, cookies });
    expect(codeOf(ended)).toEqual([401, 'UNAUTHORIZED']);
  });
});
