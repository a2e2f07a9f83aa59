import { setStatus } from '../../store/accounts/account-facts';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { emailKey } from '../../store/accounts/create-agent';
import { createTestAgent } from '../support/agents';
import { bodyOf } from '../support/intents';
import { waitFor } from '../support/wait';
import { addWebhook } from '../support/webhooks';
import { useStack, withStack } from '../support/use-stack';

interface Reply {
  status: number;
  retryAfter: string | null;
  body: {
    pending_id: string;
    code?: string;
    status?: string;
    next_step?: string;
    details?: unknown;
    api_key: string;
    agent: { handle: string; email: string };
  };
}

describe('registration', () => {
  let made = 0;

  const { stack, database, url } = useStack();

  const fresh = (): string => `reg-${(made += 1)}-agent`;

  async function post(path: string, body: unknown): Promise<Reply> {
    const response = await fetch(`${url()}${path}`, { method: 'POST', body: JSON.stringify(body) });
    // The parse point of answers.
    const parsed = (await response.json()) as Reply['body'];
    return { status: response.status, retryAfter: response.headers.get('retry-after'), body: parsed };
  }

  const register = (handle: string, email = `${handle}@example.com`, more: object = {}) =>
    post('/v1/register', { handle, email, ...more });
  const verify = (pending_id: string, code: string) => post('/v1/register/verify', { pending_id, code });

  async function codeFor(email: string): Promise<string> {
    const mail = await waitFor(() => stack.mailbox.messages(email)[0], { describe: `a mail to ${email}` });
    return /\b(\d{6})\b/.exec(mail.text)?.[1] ?? '';
  }

  const wrong = (code: string): string => (code === '000000' ? '000001' : '000000');
  const clearCooldown = (email: string) =>
    database.codeCounters.updateOne({ _id: emailKey(email) }, { $set: { cooldownUntil: null } });

  test('identity#1: a handle, a mailed code, a key; the same pending does not work twice', async () => {
    const handle = fresh();
    const started = await register(handle, undefined, { display_name: 'Some Name' });
    expect(started.status).toBe(200);
    const code = await codeFor(`${handle}@example.com`);
    const verified = await verify(started.body.pending_id, code);
    expect(verified).toMatchObject({
      status: 201,
      body: { agent: { handle, display_name: 'Some Name', status: 'active' } },
    });
    expect(verified.body.api_key).toMatch(/^ac_live_[A-Za-z0-9_-]{43}$/);
    const me = await fetch(`${url()}/v1/agents/me`, {
      headers: { authorization: `Bearer ${verified.body.api_key}` },
    });
    expect(await me.json()).toEqual(verified.body.agent);
    expect((await verify(started.body.pending_id, code)).body.code).toBe('EXPIRED');
  });

  test('identity#35: the answers of a sign-up say where it stands, and what to do when it is over', async () => {
    const handle = fresh();
    const email = `${handle}@example.com`;
    const started = await register(handle);
    expect(started.body).toMatchObject({ status: 'pending', next_step: 'verify' });
    const code = await codeFor(email);
    const wrongly = await verify(started.body.pending_id, wrong(code));
    expect([wrongly.body.code, wrongly.body.details]).toEqual(['INVALID_CODE', undefined]);
    const rival = await register(handle, `rival-${email}`);
    const verified = await verify(started.body.pending_id, code);
    expect(verified.body).toMatchObject({ status: 'completed', next_step: 'done' });
    const over: [Reply, string][] = [
      [await verify(started.body.pending_id, code), 'EXPIRED'],
      [await verify(rival.body.pending_id, await codeFor(`rival-${email}`)), 'HANDLE_TAKEN'],
    ];
    await clearCooldown(email);
    const burned = await register(fresh(), `burned-${email}`);
    for (let tried = 1; tried <= 5; tried += 1) await verify(burned.body.pending_id, '00000a');
    over.push([await verify(burned.body.pending_id, '00000a'), 'OTP_ATTEMPTS_EXHAUSTED']);
    for (const [{ body, retryAfter }, expected] of over) {
      expect([body.code, body.details, retryAfter]).toEqual([expected, { next_step: 'register' }, null]);
    }
    const taken = await register(handle);
    expect([taken.body.code, taken.body.details]).toEqual(['HANDLE_TAKEN', undefined]);
  });

  test('identity.md §4: webhooks of system agents that ask for it are told of a new agent', async () => {
    const system = await createTestAgent(database, { isSystem: true });
    await addWebhook(database, system.agent._id, ['agent.created']);
    const handle = fresh();
    const { body } = await register(handle, undefined, { display_name: 'Newcomer' });
    expect((await verify(body.pending_id, await codeFor(`${handle}@example.com`))).status).toBe(201);
    const told = await waitFor(() => database.deliveries.findOne({ agentId: system.agent._id }), {
      describe: 'the news of a new agent',
    });
    expect(bodyOf(told).data).toEqual({ handle, display_name: 'Newcomer', created_at: expect.any(String) });
  });

  test('identity#2: malformed and reserved handles are refused with their reason', async () => {
    for (const handle of ['ab', 'a'.repeat(31), '1abc', '-abc', 'abc-', 'a--b', 'a_b', 'Alice', '@alice']) {
      expect((await register(handle, 'x@example.com')).body).toMatchObject({
        code: 'INVALID_HANDLE',
        details: { reason: 'format' },
      });
    }
    for (const handle of ['agents', 'rotate-key', 'chatfather']) {
      expect((await register(handle, 'x@example.com')).body).toMatchObject({
        code: 'INVALID_HANDLE',
        details: { reason: 'reserved' },
      });
    }
    for (const handle of ['abc', 'a-1', 'b'.repeat(30)]) expect((await register(handle)).status).toBe(200);
  });

  test('identity#3, identity#4, conventions#10: the address is trimmed and lowercased, null is absent', async () => {
    const handle = fresh();
    const started = await register(handle, ` ${handle.toUpperCase()}@Example.COM `, {
      display_name: null,
      description: null,
    });
    expect(started.status).toBe(200);
    const email = `${handle}@example.com`;
    expect((await verify(started.body.pending_id, await codeFor(email))).body.agent.email).toBe(email);
    expect((await register(fresh(), email)).body.code).toBe('EMAIL_TAKEN');
  });

  test('identity#5, identity#6: a handle is retired for ever, an email is free again until three accounts', async () => {
    const email = `${fresh()}@example.com`;
    const handles: string[] = [];
    for (let account = 1; account <= 3; account += 1) {
      const handle = fresh();
      handles.push(handle);
      const started = await register(handle, email);
      expect(started.status).toBe(200);
      const { body } = await verify(started.body.pending_id, await codeFor(email));
      const agent = await database.agents.findOne({ handle: body.agent.handle });
      await setStatus(database, agent?._id ?? '', 'suspended', new Date());
      expect((await register(fresh(), email)).body.code).toBe('EMAIL_TAKEN');
      expect((await register(handle, email)).body.code).toBe('HANDLE_TAKEN');
      await deleteAgent(database, agent?._id ?? '', new Date());
      await clearCooldown(email);
    }
    expect((await register(handles[0] ?? '')).body.code).toBe('HANDLE_TAKEN');
    expect((await register(fresh(), email)).body.code).toBe('EMAIL_EXHAUSTED');
  });

  test('identity#7: of two pendings for one handle the first wins; parallel verifies make one agent', async () => {
    const handle = fresh();
    const one = await register(handle, `one-${handle}@example.com`);
    const two = await register(handle, `two-${handle}@example.com`);
    const code = await codeFor(`one-${handle}@example.com`);
    const answers = await Promise.all([1, 2, 3].map(() => verify(one.body.pending_id, code)));
    expect(answers.map(({ status, body }) => body.code ?? status).sort()).toEqual([201, 'EXPIRED', 'EXPIRED']);
    expect(await database.agents.countDocuments({ handle })).toBe(1);
    const late = await verify(two.body.pending_id, await codeFor(`two-${handle}@example.com`));
    expect(late.body.code).toBe('HANDLE_TAKEN');
    expect((await verify(two.body.pending_id, await codeFor(`two-${handle}@example.com`))).body.code).toBe('EXPIRED');
  });

  test('identity#8, identity#9: after five wrong codes even the right one is refused', async () => {
    const handle = fresh();
    const { body } = await register(handle);
    const code = await codeFor(`${handle}@example.com`);
    expect((await verify(body.pending_id, '12345')).body.code).toBe('VALIDATION_ERROR');
    for (let tries = 1; tries <= 4; tries += 1)
      expect((await verify(body.pending_id, wrong(code))).body.code).toBe('INVALID_CODE');
    expect((await verify(body.pending_id, '00000a')).body.code).toBe('INVALID_CODE');
    expect(await verify(body.pending_id, code)).toMatchObject({
      status: 429,
      retryAfter: null,
      body: { code: 'OTP_ATTEMPTS_EXHAUSTED' },
    });
    await waitFor(async () => (await verify(body.pending_id, code)).body.code === 'EXPIRED');
    expect(await database.agents.countDocuments({ handle })).toBe(0);
  });

  test('identity#10: a second code within a minute waits; the 21st of an hour too', async () => {
    const email = `${fresh()}@example.com`;
    expect((await register(fresh(), email)).status).toBe(200);
    const again = await register(fresh(), email);
    expect(again).toMatchObject({
      status: 429,
      body: { code: 'OTP_COOLDOWN', details: { retry_after_ms: expect.any(Number) } },
    });
    expect(Number(again.retryAfter)).toBeGreaterThan(50);
    await database.codeCounters.updateOne({ _id: emailKey(email) }, { $set: { cooldownUntil: null, sentInHour: 20 } });
    expect((await register(fresh(), email)).body.code).toBe('OTP_HOURLY_CAP');
    expect(stack.mailbox.messages(email)).toHaveLength(1);
  });

  test.each([
    ['for now (451)', 451],
    ['for good (550)', 550],
  ])('identity#11: a mail that is refused %s is a 500 and leaves no cooldown', async (_, code) => {
    const handle = fresh();
    stack.mailbox.refuse(code);
    expect(await register(handle)).toMatchObject({ status: 500, body: { code: 'OTP_FAILED' } });
    stack.mailbox.refuse(false);
    expect((await register(handle)).status).toBe(200);
  });

  test('identity#11: a mail that is refused for a moment is tried again, and its code is right', async () => {
    const handle = fresh();
    const refusals = () =>
      stack.workers.flatMap((child) => child.tail()).filter((line) => line.includes('"event":"mail.refused"')).length;
    const before = refusals();
    stack.mailbox.refuse(451);
    const registering = register(handle);
    await waitFor(() => refusals() > before);
    stack.mailbox.refuse(false);
    const { status, body } = await registering;
    expect(status).toBe(200);
    expect((await verify(body.pending_id, await codeFor(`${handle}@example.com`))).status).toBe(201);
    expect(stack.mailbox.messages(`${handle}@example.com`)).toHaveLength(1);
  });

  test('a worker killed between mail and verify: the code works when a worker is back', async () => {
    const handle = fresh();
    const { body } = await register(handle);
    const code = await codeFor(`${handle}@example.com`);
    for (const worker of stack.workers.filter((child) => child.isRunning())) await stack.kill(worker);
    const verifying = verify(body.pending_id, code);
    await stack.startWorker();
    expect((await verifying).status).toBe(201);
  });

  test('no worker: 503 within five seconds, nothing half-done, no mail when a worker comes back', async () => {
    for (const worker of stack.workers.filter((child) => child.isRunning())) await stack.kill(worker);
    const handle = fresh();
    const startedMs = Date.now();
    const refused = await register(handle);
    expect(refused).toMatchObject({ status: 503, body: { code: 'SERVICE_UNAVAILABLE' } });
    expect(Date.now() - startedMs).toBeLessThan(6_000);
    expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(1);
    expect(await database.pendings.countDocuments({ handle })).toBe(0);
    await stack.startWorker();
    const other = fresh();
    expect((await register(other)).status).toBe(200);
    await codeFor(`${other}@example.com`);
    expect(stack.mailbox.messages(`${handle}@example.com`)).toEqual([]);
    expect((await register(handle)).status).toBe(200);
  });
});

test('identity#13: the sixth registration of an address in an hour is 429, whatever its body', async () => {
  await withStack({ workers: 0, env: { RATE_LIMITS: 'on', TRUSTED_IP_HEADER: 'x-edge-ip' } }, async ({ url }) => {
    const call = (ip: string) =>
      fetch(`${url()}/v1/register`, {
        method: 'POST',
        body: 'no json',
        headers: { 'x-edge-ip': ip, 'x-forwarded-for': String(Math.random()) },
      });
    for (let calls = 1; calls <= 5; calls += 1) expect((await call('10.0.0.1')).status).toBe(400);
    const sixth = await call('10.0.0.1');
    expect(sixth.status).toBe(429);
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await sixth.json()).toMatchObject({ code: 'RATE_LIMITED', details: { scope: 'register', limit: 5 } });
    expect((await call('10.0.0.2')).status).toBe(400);
  });
});
