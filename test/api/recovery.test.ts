import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { createAgent, emailKey } from '../../store/accounts/create-agent';
import { hashApiKey, newApiKey, newId } from '../../platform/ids';
import { call, createTestAgent, type CallAnswer } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** The calls that a recovery is made of. */
function callsTo(url: () => string) {
  const post = (path: string, body: object): Promise<CallAnswer> => call(url(), 'POST', path, { body });
  return {
    post,
    recover: (email: unknown, more: object = {}) => post('/v1/agents/recover', { email, ...more }),
    verify: (pending_id: string, code: string) => post('/v1/agents/recover/verify', { pending_id, code }),
    me: (key: string) => call(url(), 'GET', '/v1/agents/me', { key }),
  };
}

describe('key recovery', () => {
  const { stack, database, url } = useStack();
  const { post, recover, verify, me } = callsTo(url);

  test('the mailed code gives the handle and a new key; the old key is dead', async () => {
    const { agent, apiKey } = await createTestAgent(database);
    await setPause(database, agent._id, 'send', new Date());
    const started = await recover(` ${agent.email.toUpperCase()} `);
    expect(started).toMatchObject({ status: 200, body: { pending_id: expect.stringMatching(/^pnd_/) } });
    const swapped = await verify(started.body.pending_id, await codeFor(stack, agent.email));
    expect(swapped).toMatchObject({ status: 200, body: { handle: agent.handle } });
    expect(Object.keys(swapped.body).sort()).toEqual(['api_key', 'handle', 'webhooks']);
    expect((await me(apiKey)).status).toBe(401);
    expect((await me(swapped.body.api_key)).body).toMatchObject({ id: agent._id, paused_by_owner: 'none' });
    expect(await database.auditEvents.countDocuments({ targetId: agent._id, action: 'agent.key_rotated' })).toBe(1);
    expect((await verify(started.body.pending_id, '123456')).body.code).toBe('EXPIRED');
  });

  test('identity#15: asked again in the minute in which it was used: another pending, no mail, no code fits', async () => {
    const { agent } = await createTestAgent(database);
    const used = await recover(agent.email);
    const code = await codeFor(stack, agent.email);
    expect((await verify(used.body.pending_id, code)).status).toBe(200);
    const again = await recover(agent.email);
    expect(again).toMatchObject({ status: 200, body: { message: used.body.message } });
    expect(again.body.pending_id).not.toBe(used.body.pending_id);
    expect((await recover(agent.email)).body.pending_id).toBe(again.body.pending_id);
    expect((await verify(again.body.pending_id, code)).body.code).toBe('INVALID_CODE');
    await clearCooldown(database, agent.email);
    const next = await recover(agent.email);
    expect((await verify(next.body.pending_id, await codeFor(stack, agent.email, 2))).status).toBe(200);
    expect(stack.mailbox.messages(agent.email)).toHaveLength(2);
  });

  test.each([{}, { email: 5 }, { email: 'no address' }, { email: null }, { email: 'a@example.com', handle: 5 }])(
    'a body without an address is a 400: %j',
    async (body) => {
      expect(await post('/v1/agents/recover', body)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    },
  );

  test('identity#15: a recovery that is asked for again within a minute has the same pending and one mail', async () => {
    const { agent } = await createTestAgent(database);
    const asked = await Promise.all(Array.from({ length: 10 }, () => recover(agent.email)));
    const later = await recover(agent.email);
    expect(new Set([...asked, later].map(({ body }) => body.pending_id)).size).toBe(1);
    const code = await codeFor(stack, agent.email);
    expect((await verify(later.body.pending_id, notCode(code))).body.code).toBe('INVALID_CODE');
    expect((await verify(later.body.pending_id, code)).status).toBe(200);
    expect(stack.mailbox.messages(agent.email)).toHaveLength(1);
  });

  test('identity#15: ten seconds after another code the mail comes when the cooldown ends', async () => {
    const { agent } = await createTestAgent(database);
    const now = Date.now();
    await database.codeCounters.insertOne({
      _id: emailKey(agent.email),
      cooldownUntil: new Date(now + 4_000),
      hourStartedAt: new Date(now),
      sentInHour: 1,
      takenBy: ['pnd_other'],
      expiresAt: new Date(now + 3_600_000),
    });
    const started = await recover(agent.email);
    expect(started.status).toBe(200);
    expect((await verify(started.body.pending_id, '00000a')).body.code).toBe('INVALID_CODE');
    expect(stack.mailbox.messages(agent.email)).toEqual([]);
    const code = await codeFor(stack, agent.email);
    expect(Date.now()).toBeGreaterThanOrEqual(now + 4_000);
    expect((await verify(started.body.pending_id, code)).status).toBe(200);
  });

  test('identity#16: a suspended agent recovers its key, which works for its own record only', async () => {
    const { agent } = await createTestAgent(database);
    await setStatus(database, agent._id, 'suspended', new Date());
    const { body } = await recover(agent.email);
    const swapped = await verify(body.pending_id, await codeFor(stack, agent.email));
    expect((await me(swapped.body.api_key)).body).toMatchObject({ status: 'suspended' });
    const sync = await call(url(), 'GET', '/v1/messages/sync', { key: swapped.body.api_key });
    expect(sync).toMatchObject({ status: 403, body: { code: 'SUSPENDED' } });
  });

  test('an account that is deleted between mail and code: 404, and the code is used up', async () => {
    const { agent } = await createTestAgent(database);
    const { body } = await recover(agent.email);
    const code = await codeFor(stack, agent.email);
    await deleteAgent(database, agent._id, new Date());
    expect(await verify(body.pending_id, code)).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
    expect((await verify(body.pending_id, code)).body.code).toBe('EXPIRED');
  });

  test('of parallel right codes one gets a key', async () => {
    const { agent } = await createTestAgent(database);
    const { body } = await recover(agent.email);
    const code = await codeFor(stack, agent.email);
    const answers = await Promise.all([1, 2, 3, 4].map(() => verify(body.pending_id, code)));
    expect(answers.map((answer) => answer.body.code ?? answer.status).sort()).toEqual([
      200,
      'EXPIRED',
      'EXPIRED',
      'EXPIRED',
    ]);
    expect(await database.agents.findOne({ _id: agent._id })).toMatchObject({ keyVersion: 2 });
  });

  test('identity#8: of many tries at once five are compared; then even the right code is too late', async () => {
    const { agent } = await createTestAgent(database);
    const { body } = await recover(agent.email);
    const code = await codeFor(stack, agent.email);
    const answers = await Promise.all(Array.from({ length: 12 }, () => verify(body.pending_id, notCode(code))));
    const codes = answers.map((answer) => answer.body.code);
    expect(codes.filter((one) => one === 'INVALID_CODE')).toHaveLength(5);
    expect(codes.filter((one) => one === 'OTP_ATTEMPTS_EXHAUSTED')).toHaveLength(1);
    expect(codes.filter((one) => one === 'EXPIRED')).toHaveLength(6);
    expect((await verify(body.pending_id, code)).body.code).toBe('EXPIRED');
  });

  test('mail failure and hourly cap are answered like success; a mail that is accepted later still works', async () => {
    const [failing, capped] = [await createTestAgent(database), await createTestAgent(database)];
    stack.mailbox.refuse(true);
    const started = await recover(failing.agent.email);
    expect(started.status).toBe(200);
    await waitFor(() => database.codeCounters.findOne({ _id: emailKey(failing.agent.email) }));
    expect((await verify(started.body.pending_id, '00000a')).body.code).toBe('INVALID_CODE');
    stack.mailbox.refuse(false);
    expect((await verify(started.body.pending_id, await codeFor(stack, failing.agent.email))).status).toBe(200);
    await database.codeCounters.insertOne({
      _id: emailKey(capped.agent.email),
      cooldownUntil: null,
      hourStartedAt: new Date(),
      sentInHour: 20,
      takenBy: [],
      expiresAt: new Date(Date.now() + 3_600_000),
    });
    const refused = await recover(capped.agent.email);
    expect({ ...refused.body, pending_id: '' }).toEqual({ ...started.body, pending_id: '' });
    expect((await verify(refused.body.pending_id, '00000a')).body.code).toBe('INVALID_CODE');
    expect(stack.mailbox.messages(capped.agent.email)).toEqual([]);
  });

  test('identity#10: a recovery counts as a code of the email for the other flows', async () => {
    const { agent, apiKey } = await createTestAgent(database);
    await recover(agent.email);
    await codeFor(stack, agent.email);
    const rotate = await call(url(), 'POST', `/v1/agents/${agent.handle}/rotate-key`, {
      key: apiKey,
    });
    expect(rotate).toMatchObject({ status: 429, body: { code: 'OTP_COOLDOWN' } });
    const unknown = 'nobody-yet@example.com';
    await recover(unknown);
    await waitFor(() => database.codeCounters.findOne({ _id: emailKey(unknown) }));
    expect((await post('/v1/register', { email: unknown, handle: 'somebody-now' })).body.code).toBe('OTP_COOLDOWN');
    expect(stack.mailbox.messages(unknown)).toEqual([]);
  });

  test('identity#12: a code of a registration does not verify a recovery of the same email, and the reverse', async () => {
    const email = 'both-ways@example.com';
    const registration = await post('/v1/register', { email, handle: 'both-ways' });
    const code = await codeFor(stack, email);
    await clearCooldown(database, email);
    const recovery = await recover(email);
    expect((await verify(registration.body.pending_id, code)).body.code).toBe('EXPIRED');
    expect((await post('/v1/register/verify', { pending_id: recovery.body.pending_id, code })).body.code).toBe(
      'EXPIRED',
    );
    expect((await verify(recovery.body.pending_id, code)).body.code).toBe('INVALID_CODE');
    const made = await post('/v1/register/verify', { pending_id: registration.body.pending_id, code });
    expect(made.status).toBe(201);
  });
});

describe('key recovery where an email may back several agents', () => {
  const { stack, database, url } = useStack({ env: { AGENTS_PER_EMAIL_LIVE: '3' } });
  const { post, recover, verify } = callsTo(url);

  async function agentsOf(email: string, handles: string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const [index, handle] of handles.entries()) {
      const agent = await createAgent(
        database,
        {
          id: newId('agent'),
          handle,
          email,
          apiKeyHash: hashApiKey(newApiKey()),
          displayName: null,
          description: null,
          createdAt: new Date(Date.now() + index),
        },
        { live: 3, lifetime: 3 },
      );
      ids.push(agent._id);
    }
    return ids;
  }

  test('a recovery without a handle ends in HANDLE_REQUIRED; with one, that agent gets the key', async () => {
    const email = 'family@example.com';
    const [, second] = await agentsOf(email, ['family-one', 'family-two', 'family-three']);
    const unnamed = await recover(email, { handle: null });
    const code = await codeFor(stack, email);
    expect((await verify(unnamed.body.pending_id, notCode(code))).body.code).toBe('INVALID_CODE');
    expect(await verify(unnamed.body.pending_id, code)).toMatchObject({
      status: 409,
      body: { code: 'HANDLE_REQUIRED', details: { handles: ['family-one', 'family-two', 'family-three'] } },
    });
    expect((await verify(unnamed.body.pending_id, code)).body.code).toBe('EXPIRED');
    await clearCooldown(database, email);
    const named = await recover(email, { handle: '@Family-Two' });
    const swapped = await verify(named.body.pending_id, await codeFor(stack, email, 2));
    expect(swapped).toMatchObject({ status: 200, body: { handle: 'family-two' } });
    expect(await database.agents.findOne({ _id: second })).toMatchObject({ keyVersion: 2 });
  });

  test('one agent more than the email may back is refused at registration, before the lifetime cap', async () => {
    const email = 'crowded@example.com';
    await agentsOf(email, ['crowded-one', 'crowded-two', 'crowded-three']);
    expect(await post('/v1/register', { email, handle: 'crowded-four' })).toMatchObject({
      status: 409,
      body: { code: 'EMAIL_LIMIT_REACHED', details: { limit: 3 } },
    });
    expect(stack.mailbox.messages(email)).toEqual([]);
  });

  test('a handle of somebody else is a decoy', async () => {
    await agentsOf('mine@example.com', ['mine-one']);
    await agentsOf('theirs@example.com', ['theirs-one']);
    const started = await recover('mine@example.com', { handle: 'theirs-one' });
    expect(started.status).toBe(200);
    await waitFor(() => database.codeCounters.findOne({ _id: emailKey('mine@example.com') }));
    for (let tries = 1; tries <= 5; tries += 1) {
      expect((await verify(started.body.pending_id, '123456')).body.code).toBe('INVALID_CODE');
    }
    expect((await verify(started.body.pending_id, '123456')).body.code).toBe('OTP_ATTEMPTS_EXHAUSTED');
    expect(stack.mailbox.messages('mine@example.com')).toEqual([]);
    expect(stack.mailbox.messages('theirs@example.com')).toEqual([]);
  });
});
