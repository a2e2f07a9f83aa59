import { afterSetCookie, callAs, signInOwner, type TestOwner } from '../support/owners';
import { createTestAgent, type CallAnswer } from '../support/agents';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const REFRESH = '/dashboard/auth/refresh';

/** What a browser holds: name and value of each cookie of an answer, without attributes. */
const cookiesOf = (answer: CallAnswer): string[] =>
  answer.headers.getSetCookie().map((line) => line.split(';')[0] ?? '');

describe('sessions of owners over two api processes', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  const refresh = (cookies: string, node = 0) => callAs(url(node), 'POST', REFRESH, { cookies });
  const me = (owner: TestOwner, node = 0) => owner.call('GET', '/dashboard/me', { node });
  /** As though so much time had passed since every replaced token of the session was replaced. */
  const age = async (sessionId: string, ms: number) => {
    const session = await database.ownerSessions.findOne({ _id: sessionId });
    const tokens = (session?.tokens ?? []).map(({ hash, rotation }) => ({
      hash,
      rotation: rotation === null ? null : { ...rotation, at: new Date(rotation.at.getTime() - ms) },
    }));
    await database.ownerSessions.updateOne({ _id: sessionId }, { $set: { tokens } });
  };

  test('dashboard#4: ten parallel refreshes with one token are one rotation, with one new pair for all', async () => {
    const owner = await signInOwner(stack);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => refresh(owner.cookies, index % 2)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(new Set(answers.map((answer) => JSON.stringify(cookiesOf(answer)))).size).toBe(1);
    const session = await database.ownerSessions.findOne({ _id: owner.sessionId });
    expect(session?.tokens.map(({ rotation }) => rotation === null)).toEqual([false, true]);
    const next = afterSetCookie(owner.cookies, answers[0]?.headers.getSetCookie() ?? []);
    expect(next).not.toBe(owner.cookies);
    for (const node of [0, 1]) {
      expect((await callAs(url(node), 'GET', '/dashboard/me', { cookies: next })).status).toBe(200);
    }
    expect((await refresh(next)).status).toBe(200);
  });

  test('dashboard#4: a replaced token gives the same pair for 30 s, also after the next refresh, then 401', async () => {
    const owner = await signInOwner(stack);
    const first = owner.cookies;
    const second = await refresh(first);
    const third = await refresh(afterSetCookie(first, second.headers.getSetCookie()), 1);
    expect(third.status).toBe(200);
    expect(cookiesOf(await refresh(first, 1))).toEqual(cookiesOf(second));
    await age(owner.sessionId, 28_000);
    const late = await refresh(first, 1);
    // The access token tells the time of the rotation, which was moved here.
    expect([late.status, cookiesOf(late)[1]]).toEqual([200, cookiesOf(second)[1]]);
    await age(owner.sessionId, 3_000);
    const tooLate = await refresh(first);
    expect(tooLate).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
    expect(cookiesOf(tooLate)).toEqual(['ac_dashboard_session=', 'ac_dashboard_refresh=']);
    const kept = await refresh(afterSetCookie(first, third.headers.getSetCookie()));
    expect(kept.status).toBe(200);
  });

  test('dashboard#4: no grace outlives the session: after a logout an old token is 401', async () => {
    const owner = await signInOwner(stack);
    const old = owner.cookies;
    await owner.call('POST', REFRESH);
    expect((await refresh(old, 1)).status).toBe(200);
    expect((await owner.call('POST', '/dashboard/auth/logout')).status).toBe(200);
    expect((await refresh(old, 1)).status).toBe(401);

    const all = await signInOwner(stack);
    const before = all.cookies;
    await all.call('POST', REFRESH);
    expect((await all.call('POST', '/dashboard/auth/logout/all')).status).toBe(200);
    expect((await refresh(before)).status).toBe(401);
  });

  test('an api that dies in the middle of a refresh: the browser asks again and gets a pair that works', async () => {
    for (let round = 0; round < 2; round += 1) {
      const owner = await signInOwner(stack);
      const api = await stack.startApi();
      const lost = callAs(api.baseUrl, 'POST', REFRESH, { cookies: owner.cookies }).catch(() => null);
      // Once before anything is known of the request, once when its write is there.
      if (round === 1) {
        const hasTwo = { _id: owner.sessionId, 'tokens.1': { $exists: true } };
        await waitFor(() => database.ownerSessions.findOne(hasTwo), { intervalMs: 1 });
      }
      await stack.kill(api);
      await lost;
      const again = await refresh(owner.cookies);
      expect(again.status).toBe(200);
      const cookies = afterSetCookie(owner.cookies, again.headers.getSetCookie());
      expect((await callAs(url(1), 'GET', '/dashboard/me', { cookies })).status).toBe(200);
      expect((await refresh(cookies, 1)).status).toBe(200);
    }
  });

  test('a refresh that races the end of the session leaves nothing that works', async () => {
    for (let round = 0; round < 5; round += 1) {
      const owner = await signInOwner(stack);
      const { cookies } = owner;
      const [refreshed, out] = await Promise.all([
        refresh(cookies, round % 2),
        callAs(url(1), 'POST', '/dashboard/auth/logout/all', { cookies }),
      ]);
      expect(out.status).toBe(200);
      const next = afterSetCookie(cookies, refreshed.headers.getSetCookie());
      expect((await callAs(url(), 'GET', '/dashboard/me', { cookies: next })).status).toBe(401);
      expect((await refresh(next)).status).toBe(401);
    }
  });

  test('dashboard#4: other sessions of the owner are not touched by a token that is reused', async () => {
    const one = await signInOwner(stack);
    const two = await signInOwner(stack, one.email);
    expect(two.id).toBe(one.id);
    const old = one.cookies;
    await one.call('POST', REFRESH);
    await age(one.sessionId, 31_000);
    expect((await refresh(old)).status).toBe(401);
    expect((await me(one)).status).toBe(200);
    expect((await me(two)).status).toBe(200);
    expect((await two.call('POST', REFRESH)).status).toBe(200);
  });

  test('dashboard#3: a refresh sets both cookies with the attributes of the contract, a logout clears both', async () => {
    const owner = await signInOwner(stack);
    const attributes = 'Path=/; HttpOnly; SameSite=Lax';
    const refreshed = await owner.call('POST', REFRESH);
    expect(refreshed.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        new RegExp(`^ac_dashboard_session=[\\w-]+\\.[\\w-]+\\.[\\w-]+; Max-Age=3600; ${attributes}$`),
      ),
      expect.stringMatching(new RegExp(`^ac_dashboard_refresh=[\\w-]{43}; Max-Age=2592000; ${attributes}$`)),
    ]);
    const token = owner.cookies.match(/session=([^;]+)/)?.[1] ?? '';
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      number
    >;
    expect(payload['exp']).toBe((payload['iat'] ?? 0) + 3_600);
    const cleared = [
      `ac_dashboard_session=; Max-Age=0; ${attributes}`,
      `ac_dashboard_refresh=; Max-Age=0; ${attributes}`,
    ];
    expect((await owner.call('POST', '/dashboard/auth/logout')).headers.getSetCookie()).toEqual(cleared);
    const without = await callAs(url(), 'POST', '/dashboard/auth/logout', {});
    expect([without.status, without.headers.getSetCookie()]).toEqual([200, cleared]);
    const garbage = await refresh('ac_dashboard_refresh=garbage');
    expect([garbage.status, garbage.headers.getSetCookie()]).toEqual([401, cleared]);
    const none = await callAs(url(), 'POST', REFRESH, {});
    expect([none.status, none.headers.getSetCookie()]).toEqual([401, []]);
  });

  test('dashboard#3: over https cookies are Secure, and nothing else changes', async () => {
    const owner = await signInOwner(stack);
    const api = await stack.startApi({ PUBLIC_BASE_URL: 'https://chat.example.com' });
    const { headers } = await callAs(api.baseUrl, 'POST', REFRESH, { cookies: owner.cookies });
    for (const line of headers.getSetCookie()) expect(line).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
    expect(headers.getSetCookie()).toHaveLength(2);
    await stack.terminate(api);
  });

  test('dashboard#5: logout/all: the next call of every other browser is 401 at once, on every node', async () => {
    const one = await signInOwner(stack);
    const two = await signInOwner(stack, one.email);
    const stranger = await signInOwner(stack);
    const out = await one.call('POST', '/dashboard/auth/logout/all');
    expect([out.status, out.body]).toEqual([200, { message: expect.any(String), sessions_revoked: 2 }]);
    for (const node of [0, 1]) {
      const answer = await me(two, node);
      expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
      // The browser may try to refresh once.
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect((await two.call('POST', REFRESH)).status).toBe(401);
    expect((await me(stranger)).status).toBe(200);
    expect(await database.auditEvents.findOne({ action: 'owner.signed_out_all', targetId: one.id })).toMatchObject({
      actorType: 'owner',
      actorId: one.id,
      metadata: { sessions_revoked: 2 },
    });
  });

  test('logout ends this session only, at once, and leaves no event', async () => {
    const one = await signInOwner(stack);
    const two = await signInOwner(stack, one.email);
    const { cookies } = one;
    const events = await database.auditEvents.countDocuments({ targetId: one.id });
    await one.call('POST', '/dashboard/auth/logout');
    expect((await callAs(url(1), 'GET', '/dashboard/me', { cookies })).status).toBe(401);
    expect((await me(two)).status).toBe(200);
    expect(await database.auditEvents.countDocuments({ targetId: one.id })).toBe(events);
  });

  test('a session is dead after 30 idle days; each refresh renews them', async () => {
    const owner = await signInOwner(stack);
    const soon = new Date(Date.now() + 60_000);
    await database.ownerSessions.updateOne({ _id: owner.sessionId }, { $set: { expiresAt: soon } });
    expect((await owner.call('POST', REFRESH)).status).toBe(200);
    const renewed = await database.ownerSessions.findOne({ _id: owner.sessionId });
    const days = ((renewed?.expiresAt.getTime() ?? 0) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThan(30.1);
    await database.ownerSessions.updateOne({ _id: owner.sessionId }, { $set: { expiresAt: new Date(Date.now() - 1) } });
    expect((await me(owner)).status).toBe(401);
    expect((await owner.call('POST', REFRESH)).status).toBe(401);
  });

  test('an owner whose row is gone is told so', async () => {
    const owner = await signInOwner(stack);
    await database.owners.updateOne({ _id: owner.id }, { $set: { deletedAt: new Date() } });
    expect(await me(owner)).toMatchObject({ status: 401, body: { code: 'OWNER_NOT_FOUND' } });
  });

  test('dashboard#6: an API key opens nothing under /dashboard, a session nothing under /v1', async () => {
    const owner = await signInOwner(stack);
    const { apiKey } = await createTestAgent(database);
    const headers = { authorization: `Bearer ${apiKey}` };
    expect(await callAs(url(), 'GET', '/dashboard/me', { headers })).toMatchObject({
      status: 401,
      body: { code: 'UNAUTHORIZED' },
    });
    expect((await owner.call('GET', '/v1/agents/me')).status).toBe(401);
    expect((await owner.call('GET', '/dashboard/me', { headers: { authorization: 'Bearer nothing' } })).status).toBe(
      200,
    );
  });

  test('every answer has its id and times and is kept by no cache; unknown paths are the 404 of the envelope', async () => {
    const owner = await signInOwner(stack);
    const answers = [
      [await me(owner), 200, /^auth;dur=\d+, db;dur=\d+, total;dur=\d+$/],
      [await owner.call('GET', '/dashboard/agents/nobody'), 404, /^auth;dur=\d+, db;dur=\d+, total;dur=\d+$/],
      [await callAs(url(), 'GET', '/dashboard/me', {}), 401, /^auth;dur=\d+, db;dur=0, total;dur=\d+$/],
      [await callAs(url(), 'POST', '/dashboard/auth/logout', {}), 200, /^db;dur=\d+, total;dur=\d+$/],
      [await owner.call('GET', '/dashboard'), 404, /^db;dur=0, total;dur=\d+$/],
      [await owner.call('PATCH', '/dashboard/me'), 404, /^db;dur=0, total;dur=\d+$/],
      [await owner.call('GET', '/dashboard/app/index.html'), 404, /^db;dur=0, total;dur=\d+$/],
    ] as const;
    for (const [{ status, headers, body }, expected, timing] of answers) {
      expect([status, headers.get('server-timing')]).toEqual([expected, expect.stringMatching(timing)]);
      expect([headers.get('cache-control'), headers.get('x-request-id')]).toEqual(['no-store', expect.any(String)]);
      expect(headers.get('www-authenticate')).toBeNull();
      if (expected === 404) expect(Object.keys(body)).toEqual(['code', 'message']);
    }
    expect(answers[4][0].body.code).toBe('NOT_FOUND');
  });
});
