import { randomBytes } from 'node:crypto';
import { call, createTestAgent, type CallAnswer } from '../support/agents';
import { callAs, signInOwner } from '../support/owners';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

const OPS_TOKEN = 'operator-token-of-at-least-32-characters';

/** Logs and metrics are the most copied data of all: what callers send in confidence must not be in them. */
describe('what a run leaves in logs, metrics and refusals', () => {
  const { stack, database, url } = useStack({ workers: 0, env: { LOG_LEVEL: 'trace', OPS_ADMIN_TOKEN: OPS_TOKEN } });
  /** The logs so far, once `line` is among them: a process's output arrives a moment after its answers. */
  async function logsWith(line: string): Promise<string> {
    const read = () => stack.apis.flatMap((child) => child.tail()).join('\n');
    await waitFor(() => read().includes(line), { describe: line });
    return read();
  }
  /** A word that is nowhere by chance. */
  const word = (kind: string) => `${kind}-${randomBytes(8).toString('hex')}`;

  test('no key, token, address, code, text or note, whether the call succeeds, is refused or fails', async () => {
    const [one, other] = await Promise.all([createTestAgent(database), createTestAgent(database)]);
    const secrets = {
      text: word('text'),
      notes: word('notes'),
      name: word('name'),
      email: word('email'),
      reason: word('reason'),
      wrongKey: word('ac_live'),
      idempotencyKey: word('idem'),
      query: word('query'),
    };
    const as = (method: string, path: string, body?: unknown, key = one.apiKey) =>
      call(url(), method, path, { key, body, headers: { 'idempotency-key': secrets.idempotencyKey.slice(0, 30) } });
    const { handle } = other.agent;
    const message = { to: handle, client_msg_id: '1', content: { text: secrets.text }, metadata: { a: secrets.text } };
    const refusals: CallAnswer[] = [
      await as('POST', '/v1/messages', { ...message, client_msg_id: 5 }),
      await as('POST', '/v1/messages', `{"text":"${secrets.text}"`),
      await as('POST', '/v1/messages', { ...message, to: 'never-registered' }),
      await as('GET', '/v1/agents/me', undefined, secrets.wrongKey),
      await as('POST', '/v1/contacts', { handle: 'never-registered', notes: secrets.notes }),
      await as('PATCH', `/v1/agents/${one.agent.handle}`, { display_name: secrets.name.repeat(9) }),
      await as('POST', `/v1/agents/${handle}/rotate-key/verify`, { pending_id: word('pnd'), code: '918273' }),
      await call(url(), 'POST', '/v1/register', { body: { email: `${secrets.email}@`, handle: 'some-handle' } }),
      await call(url(), 'POST', '/v1/register/verify', { body: { pending_id: word('pnd'), code: '918273' } }),
      await call(url(), 'GET', `/v1/${secrets.query}?q=${secrets.query}`),
      await call(url(), 'GET', `/v1/directory?q=${secrets.query}${'x'.repeat(60)}`),
      await call(url(), 'GET', '/internal/audit-events', { key: secrets.wrongKey }),
    ];
    for (const { status } of refusals) expect(status).toBeGreaterThanOrEqual(400);
    expect((await as('POST', '/v1/messages', message)).status).toBe(201);
    await as('POST', '/v1/contacts', { handle, notes: secrets.notes });
    await as('PATCH', `/v1/agents/${one.agent.handle}`, { display_name: secrets.name });
    await as('POST', `/v1/agents/${handle}/report`, { reason: secrets.reason });
    await as('GET', '/v1/messages/sync', undefined, other.apiKey);
    const metrics = await call(url(), 'GET', '/internal/metrics');
    const logs = await logsWith('"route":"/internal/metrics"');
    const hidden = [
      ...Object.values(secrets),
      one.apiKey,
      other.apiKey,
      one.agent.email,
      other.agent.email,
      one.agent.apiKeyHash,
      OPS_TOKEN,
      stack.secretKeys.split(':')[1] ?? '',
    ];
    for (const secret of hidden) {
      expect([secret, logs.includes(secret), metrics.text.includes(secret)]).toEqual([secret, false, false]);
      for (const { text } of refusals) expect([secret, text.includes(secret)]).toEqual([secret, false]);
    }
    for (const text of [logs, metrics.text]) expect(text).not.toMatch(/"918273"|[^\d.]918273[^\d]/);
  });

  test('of an owner: no address, code, token, cookie or pasted key, whether the call succeeds or is refused', async () => {
    const owner = await signInOwner(stack, `${word('owner')}@example.com`);
    const { agent, apiKey } = await createTestAgent(database);
    const cookie = (kind: string) => `ac_dashboard_session=${word(kind)}; ac_dashboard_refresh=${word(kind)}`;
    const first = owner.cookies;
    const hidden = {
      wrongKey: word('ac_live'),
      email: word('email'),
      pending: word('dpnd'),
      cookies: cookie('cookie'),
    };
    const post = (path: string, body?: object, cookies = hidden.cookies) =>
      callAs(url(), 'POST', `/dashboard${path}`, { body, cookies });
    const refusals = [
      await post('/auth/otp/request', { email: `${hidden.email}@` }),
      await post('/auth/otp/verify', { pending_id: hidden.pending, code: '918273' }),
      await post('/auth/refresh'),
      await post('/agents/claim', { api_key: apiKey }),
      await post('/agents/claim', { api_key: hidden.wrongKey }, first),
      await post('/agents/claim', { api_key: { nested: apiKey } }, first),
      await callAs(url(), 'GET', `/dashboard/agents/${hidden.pending}`, { cookies: first }),
    ];
    for (const { status } of refusals) expect(status).toBeGreaterThanOrEqual(400);
    expect((await owner.call('POST', '/dashboard/agents/claim', { body: { api_key: apiKey } })).status).toBe(201);
    expect((await owner.call('POST', '/dashboard/auth/refresh')).status).toBe(200);
    expect((await owner.call('DELETE', `/dashboard/agents/${agent.handle}`)).status).toBe(200);
    const last = owner.cookies;
    expect((await owner.call('POST', '/dashboard/auth/logout')).status).toBe(200);
    const metrics = await call(url(), 'GET', '/internal/metrics');
    const logs = await logsWith('"route":"/dashboard/auth/logout"');
    expect(logs).toContain(owner.id);
    const tokens = [hidden.cookies, first, last].flatMap((jar) =>
      jar.split('; ').map((pair) => pair.split('=')[1] ?? ''),
    );
    for (const secret of [hidden.wrongKey, hidden.email, hidden.pending, owner.email, apiKey, agent.email, ...tokens]) {
      expect([secret, logs.includes(secret), metrics.text.includes(secret)]).toEqual([secret, false, false]);
      for (const { text } of refusals) expect([secret, text.includes(secret)]).toEqual([secret, false]);
    }
    expect(metrics.text).not.toContain(owner.id);
    for (const text of [logs, metrics.text]) expect(text).not.toMatch(/"918273"|[^\d.]918273[^\d]/);
  });

  test('a database that fails in the middle of a call is a refusal without its words, in answers and logs', async () => {
    const { apiKey } = await createTestAgent(database);
    const name = word('name');
    const { agent } = await createTestAgent(database);
    // A validator that no row meets: the write fails with an error that quotes the document.
    await database.db.command({ collMod: 'contacts', validator: { never: { $exists: true } } });
    const failed = await call(url(), 'POST', '/v1/contacts', {
      key: apiKey,
      body: { handle: agent.handle, notes: name },
    });
    expect([failed.status, failed.body]).toEqual([500, { code: 'INTERNAL_ERROR', message: expect.any(String) }]);
    const logs = await logsWith('"event":"request.failed"');
    expect(logs).not.toContain(name);
    expect(logs).not.toContain(agent.email);
  });
});
