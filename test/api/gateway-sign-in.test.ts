import { randomBytes } from 'node:crypto';
import { createAccessTokens } from '../../platform/access-tokens';
import { parseConfig } from '../../platform/config';
import { call, createTestAgent, type CallAnswer } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { signInUser } from '../support/gateway';
import { useStack } from '../support/use-stack';

/** gateway.md §2: users sign in with mailed codes, and every call proves who it is from before anything else. */
describe('sign-in to the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const newEmail = () => `user-${randomBytes(6).toString('hex')}@example.com`;
  const request = (email: unknown) => call(url(), 'POST', '/api/auth/email/request', { body: { email } });
  const verify = (email: unknown, code: unknown, node = 0) =>
    call(url(node), 'POST', '/api/auth/email/verify', { body: { email, code } });
  const refresh = (refresh_token: unknown, node = 0) =>
    call(url(node), 'POST', '/api/auth/refresh', { body: { refresh_token } });
  const agentsWith = (key: string, node = 0) => call(url(node), 'GET', '/api/agents', { key });
  const summary = ({ status, body }: CallAnswer) => [status, body.code, body.detail === body.message];
  const UNAUTHORIZED = [401, 'UNAUTHORIZED', true];
  async function signIn(email = newEmail()): Promise<CallAnswer> {
    expect((await request(email)).status).toBe(200);
    return verify(email, await codeFor(stack, email));
  }

  test('the first code signs up, later ones sign in, on any process; the answers do not tell which', async () => {
    const email = newEmail();
    const asked = await request(email);
    expect([asked.status, asked.body]).toEqual([200, { message: expect.any(String), expires_in_seconds: 600 }]);
    const up = await verify(email, await codeFor(stack, email));
    const owner = await database.owners.findOne({ email });
    expect([up.status, up.body]).toEqual([
      200,
      {
        access_token: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
        token_type: 'bearer',
        expires_in: 3600,
        refresh_token: expect.any(String),
        user: { id: owner?._id, email },
      },
    ]);
    expect([up.headers.get('cache-control'), up.headers.getSetCookie()]).toEqual(['no-store', []]);
    await clearCooldown(database, email);
    expect((await request(email.toUpperCase())).text).toBe(asked.text);
    const again = await verify(` ${email} `.toUpperCase(), await codeFor(stack, email, 2), 1);
    expect([again.status, again.body.user]).toEqual([200, up.body.user]);
    expect(again.body.access_token).not.toBe(up.body.access_token);
    for (const { body } of [up, again]) expect((await agentsWith(body.access_token, 1)).text).toBe('[]');
  });

  test('a wrong code, a used one and an address without a code are one 401', async () => {
    const email = newEmail();
    await request(email);
    const code = await codeFor(stack, email);
    const wrong = await verify(email, notCode(code));
    expect(summary(wrong)).toEqual(UNAUTHORIZED);
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer');
    expect((await verify(newEmail(), code)).text).toBe(wrong.text);
    expect((await verify(email, code)).status).toBe(200);
    const used = await verify(email, code, 1);
    expect([used.status, used.text]).toEqual([401, wrong.text]);
  });

  test('after five wrong codes the right one is worth nothing', async () => {
    const email = newEmail();
    await request(email);
    const code = await codeFor(stack, email);
    for (let tries = 1; tries <= 5; tries += 1) expect((await verify(email, notCode(code))).status).toBe(401);
    const sixth = await verify(email, code);
    expect(summary(sixth)).toEqual([429, 'OTP_ATTEMPTS_EXHAUSTED', true]);
    expect(sixth.text).not.toContain('access_token');
  });

  test('bodies that are not as described are refused before anything is looked up', async () => {
    for (const email of ['', 'no-address', 7, null, undefined, ['a@example.com']]) {
      expect([email, ...summary(await request(email))]).toEqual([email, 400, 'VALIDATION_ERROR', true]);
    }
    for (const code of ['12345', 123_456, null, undefined, '1234567']) {
      const refused = summary(await verify('someone@example.com', code));
      expect([code, ...refused]).toEqual([code, 400, 'VALIDATION_ERROR', true]);
    }
    for (const token of ['', 7, null, undefined]) {
      expect([token, ...summary(await refresh(token))]).toEqual([token, 400, 'VALIDATION_ERROR', true]);
    }
  });

  test('a second code within a minute is a 429 that says how long to wait', async () => {
    const email = newEmail();
    await request(email);
    const again = await request(email);
    expect(summary(again)).toEqual([429, 'OTP_COOLDOWN', true]);
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  test('a refresh gives new tokens of the same user; a made-up one is a 401', async () => {
    const { body } = await signIn();
    const next = await refresh(body.refresh_token, 1);
    expect([next.status, next.body]).toMatchObject([200, { token_type: 'bearer', expires_in: 3600, user: body.user }]);
    expect(next.body.refresh_token).not.toBe(body.refresh_token);
    const third = await refresh(next.body.refresh_token);
    expect(new Set([body, next.body, third.body].map(({ refresh_token }) => refresh_token)).size).toBe(3);
    for (const { access_token } of [body, next.body, third.body]) {
      expect((await agentsWith(access_token)).status).toBe(200);
    }
    for (const token of ['made-up', body.access_token]) expect(summary(await refresh(token))).toEqual(UNAUTHORIZED);
  });

  test('after the logout neither token is worth anything on any process; other sessions go on', async () => {
    const email = newEmail();
    const one = (await signIn(email)).body;
    await clearCooldown(database, email);
    await request(email);
    const other = (await verify(email, await codeFor(stack, email, 2))).body;
    const out = await call(url(), 'POST', '/api/auth/logout', { key: one.access_token });
    expect([out.status, out.body]).toEqual([200, { status: 'ok' }]);
    for (const node of [0, 1]) {
      expect(summary(await agentsWith(one.access_token, node))).toEqual(UNAUTHORIZED);
      expect(summary(await refresh(one.refresh_token, node))).toEqual(UNAUTHORIZED);
      expect((await agentsWith(other.access_token, node)).status).toBe(200);
    }
    expect(summary(await call(url(), 'POST', '/api/auth/logout', { key: one.access_token }))).toEqual(UNAUTHORIZED);
    expect(summary(await call(url(), 'POST', '/api/auth/logout'))).toEqual(UNAUTHORIZED);
  });

  test('who calls is proved before the path is looked at: the same bytes for an agent and for none', async () => {
    const user = await signInUser(stack);
    const { agent, apiKey } = await createTestAgent(database);
    const { SECRET_KEYS: keys } = parseConfig({ SECRET_KEYS: stack.secretKeys });
    const claims = { ownerId: user.owner.id, sessionId: user.owner.sessionId };
    const tokens = createAccessTokens(keys);
    const expired = tokens.issue(claims, new Date(Date.now() - 7_200_000), tokens.keyId) ?? '';
    const foreign = createAccessTokens(keys.map((key) => ({ ...key, key: randomBytes(32) })));
    const [header = '', payload = '', signature = ''] = user.owner.accessToken.split('.');
    const changed = Buffer.from(payload, 'base64url').toString().replace('"sub":"', '"sub":"x');
    const tampered = [header, Buffer.from(changed).toString('base64url'), signature].join('.');
    const unsigned = [Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url'), payload, ''].join('.');
    const headers: [string | undefined, string][] = [
      [undefined, 'UNAUTHORIZED'],
      ['', 'UNAUTHORIZED'],
      ['Bearer', 'UNAUTHORIZED'],
      [user.owner.accessToken, 'UNAUTHORIZED'],
      [`Basic ${user.owner.accessToken}`, 'UNAUTHORIZED'],
      [`Bearer ${expired}`, 'UNAUTHORIZED'],
      [`Bearer ${tampered}`, 'UNAUTHORIZED'],
      [`Bearer ${unsigned}`, 'UNAUTHORIZED'],
      [`Bearer ${foreign.issue(claims, new Date(), foreign.keyId) ?? ''}`, 'UNAUTHORIZED'],
      [`Bearer ${apiKey}`, 'INVALID_API_KEY'],
      [`Bearer gwk_${randomBytes(32).toString('base64url')}`, 'INVALID_API_KEY'],
    ];
    for (const [authorization, code] of headers) {
      const at = (method: string, path: string, body?: unknown) =>
        call(url(), method, path, { body, headers: authorization === undefined ? {} : { authorization } });
      const known = await at('GET', `/api/agents/${agent.handle}`);
      expect([authorization, ...summary(known)]).toEqual([authorization, 401, code, true]);
      expect(known.headers.get('www-authenticate')).toBe('Bearer');
      for (const [method, path, body] of [
        ['GET', '/api/agents/nobody-at-all'],
        ['GET', '/agents'],
        ['POST', '/api/agents/nobody-at-all/chat', { message: '' }],
        ['POST', `/agents/${agent.handle}/chat`, '{'],
        ['GET', `/api/agents/${agent.handle}/chat/sessions/ses_unknown`],
        ['GET', '/api/agents/nobody-at-all/executions/exe_unknown/stream'],
      ] as const) {
        const { status, text } = await at(method, path, body);
        expect([path, status, text]).toEqual([path, 401, known.text]);
      }
    }
  });

  test('the cookies of the dashboard open nothing of the gateway', async () => {
    const user = await signInUser(stack);
    expect((await user.owner.call('GET', '/dashboard/me')).status).toBe(200);
    expect(summary(await user.owner.call('GET', '/api/agents'))).toEqual(UNAUTHORIZED);
  });
});
