import { randomBytes } from 'node:crypto';
import { emailKey } from '../../store/accounts/create-agent';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { claim, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { addWebhook } from '../support/webhooks';

describe('key rotation', () => {
  const { stack, database, url } = useStack();

  const post = (path: string, key: string, body?: object): Promise<CallAnswer> =>
    call(url(), 'POST', path, { key, body });
  const rotate = ({ agent, apiKey }: TestAgent, handle = agent.handle) =>
    post(`/v1/agents/${handle}/rotate-key`, apiKey);
  const verify = ({ agent, apiKey }: TestAgent, pending_id: string, code: string, handle = agent.handle) =>
    post(`/v1/agents/${handle}/rotate-key/verify`, apiKey, { pending_id, code });
  const me = (key: string) => call(url(), 'GET', '/v1/agents/me', { key });
  const eventsOf = (id: string) => database.auditEvents.find({ targetId: id }).sort({ createdAt: 1 }).toArray();

  test('identity#17: the mailed code swaps the key: the old one is 401 at once, the pause is over', async () => {
    const one = await createTestAgent(database);
    await setPause(database, one.agent._id, 'full', new Date());
    const started = await rotate(one);
    expect(started).toMatchObject({ status: 200, body: { pending_id: expect.stringMatching(/^pnd_/) } });
    expect((await me(one.apiKey)).status).toBe(200);
    const swapped = await verify(one, started.body.pending_id, await codeFor(stack, one.agent.email));
    expect(swapped).toMatchObject({ status: 200, body: { handle: one.agent.handle } });
    expect(Object.keys(swapped.body).sort()).toEqual(['api_key', 'handle', 'webhooks']);
    expect((await me(one.apiKey)).status).toBe(401);
    expect((await me(swapped.body.api_key)).body).toMatchObject({
      id: one.agent._id,
      paused_by_owner: 'none',
      settings: { inbox_mode: 'open', group_invite_policy: 'open', discoverable: true },
    });
    expect((await eventsOf(one.agent._id)).map(({ action, actorType }) => [action, actorType]).sort()).toEqual([
      ['agent.created', 'agent'],
      ['agent.key_rotated', 'agent'],
      ['agent.paused', 'system'],
      ['agent.unpaused', 'system'],
    ]);
    const again = { ...one, apiKey: swapped.body.api_key };
    expect((await verify(again, started.body.pending_id, '123456')).body.code).toBe('EXPIRED');
  });

  test('identity#17, dashboard#12: rotation and recovery take the agent from its owner with the same commit', async () => {
    const owner = await signInOwner(stack);
    for (const flow of ['rotation', 'recovery'] as const) {
      const one = await createTestAgent(database);
      const { email, handle } = one.agent;
      await claim(owner, one);
      const recover = (path: string, body: object) => post(`/v1/agents/recover${path}`, '', body);
      const started = flow === 'rotation' ? await rotate(one) : await recover('', { email });
      const { pending_id } = started.body;
      const code = await codeFor(stack, email);
      expect((await owner.call('GET', `/dashboard/agents/${handle}`)).status).toBe(200);
      const verified =
        flow === 'rotation' ? await verify(one, pending_id, code) : await recover('/verify', { pending_id, code });
      expect(verified.status).toBe(200);
      const gone = await owner.call('GET', `/dashboard/agents/${handle}`);
      expect(gone).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
      const events = (await eventsOf(one.agent._id)).map(({ action, actorType, metadata }) => [
        action,
        actorType,
        metadata,
      ]);
      expect(events.slice(2).sort()).toEqual([
        ['agent.claim_revoked', 'system', { owner_id: owner.id, reason: 'key_rotated' }],
        ['agent.key_rotated', 'agent', {}],
      ]);
      const old = await owner.call('POST', '/dashboard/agents/claim', { body: { api_key: one.apiKey } });
      expect(old).toMatchObject({ status: 404, body: { code: 'INVALID_API_KEY' } });
      await claim(owner, { apiKey: verified.body.api_key });
    }
  });

  test('identity#35: rotation and recovery list the webhooks in force, oldest first, and no others', async () => {
    const one = await createTestAgent(database);
    const { _id: id, email } = one.agent;
    const hooks: Webhook[] = [];
    for (const path of ['first', 'gone', 'third']) {
      hooks.push(await addWebhook(database, id, ['message.new'], `http://127.0.0.1:9/${path}`));
    }
    await addWebhook(database, (await createTestAgent(database)).agent._id, ['message.new']);
    await database.webhooks.updateOne({ _id: hooks[1]?._id }, { $set: { active: false, disabledReason: 'gone' } });
    const listed = [hooks[0], hooks[2]].map((hook) => ({
      id: hook?._id,
      url: hook?.url,
      created_at: hook?.createdAt.toISOString(),
    }));
    const { pending_id } = (await rotate(one)).body;
    const rotated = await verify(one, pending_id, await codeFor(stack, email));
    expect(rotated.body).toEqual({ handle: one.agent.handle, api_key: expect.any(String), webhooks: listed });
    await clearCooldown(database, email);
    const recovery = await post('/v1/agents/recover', '', { email });
    expect(recovery.body).toMatchObject({ status: 'pending', next_step: 'verify' });
    const given = { pending_id: recovery.body.pending_id, code: await codeFor(stack, email, 2) };
    const recovered = await post('/v1/agents/recover/verify', '', given);
    expect(recovered.body).toEqual({ handle: one.agent.handle, api_key: expect.any(String), webhooks: listed });
    expect(recovered.text).not.toContain('secret');
  });

  test('identity#18: a foreign handle is refused before any mail; a foreign pending keeps its tries', async () => {
    const [one, two] = [await createTestAgent(database), await createTestAgent(database)];
    expect(await rotate(one, two.agent.handle)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(await rotate(one, 'never-was')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(await database.pendings.countDocuments({ agentId: two.agent._id })).toBe(0);
    const { body } = await rotate(two);
    const code = await codeFor(stack, two.agent.email);
    for (let tries = 1; tries <= 7; tries += 1) {
      expect(await verify(one, body.pending_id, code)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    }
    expect((await verify(one, body.pending_id, code, two.agent.handle)).body.code).toBe('FORBIDDEN');
    for (let tries = 1; tries <= 4; tries += 1) {
      expect((await verify(two, body.pending_id, notCode(code))).body.code).toBe('INVALID_CODE');
    }
    expect((await verify(two, body.pending_id, code)).status).toBe(200);
    expect(stack.mailbox.messages(one.agent.email)).toEqual([]);
  });

  test('identity#19: the own handle is accepted as callers type it', async () => {
    const handle = `typed-${randomBytes(4).toString('hex')}`;
    const one = await createTestAgent(database, { handle });
    expect((await rotate(one, `@@${handle}`)).body.code).toBe('FORBIDDEN');
    const { body } = await rotate(one, `%40${handle.toUpperCase()}`);
    const code = await codeFor(stack, one.agent.email);
    expect((await verify(one, body.pending_id, notCode(code), `@${handle}`)).body.code).toBe('INVALID_CODE');
    expect((await verify(one, body.pending_id, code, `@${handle.toUpperCase()}`)).status).toBe(200);
  });

  test('a rotation is checked in order: key, suspension, own handle, system agent, then the code counters', async () => {
    const [one, other] = [await createTestAgent(database), await createTestAgent(database)];
    expect((await post(`/v1/agents/${one.agent.handle}/rotate-key`, 'ac_live_wrong')).status).toBe(401);
    await setStatus(database, other.agent._id, 'suspended', new Date());
    expect((await rotate(other, one.agent.handle)).body.code).toBe('SUSPENDED');
    const system = await createTestAgent(database, { isSystem: true });
    expect(await rotate(system)).toMatchObject({ status: 409, body: { code: 'SYSTEM_AGENT_PROTECTED' } });
    expect((await rotate(one)).status).toBe(200);
    expect(await rotate(one)).toMatchObject({ status: 429, body: { code: 'OTP_COOLDOWN' } });
    await database.codeCounters.updateOne(
      { _id: emailKey(one.agent.email) },
      { $set: { cooldownUntil: null, sentInHour: 20, own: { [`agent:${one.agent._id}`]: 4 } } },
    );
    expect(await rotate(one)).toMatchObject({ status: 429, body: { code: 'OTP_HOURLY_CAP' } });
    expect(stack.mailbox.messages(one.agent.email)).toHaveLength(1);
    expect(stack.mailbox.messages(system.agent.email)).toEqual([]);
    expect(await database.pendings.countDocuments({ agentId: one.agent._id })).toBe(1);
  });

  test('the order of checks of verify: own handle, body, pending, owner of the pending', async () => {
    const [one, two] = [await createTestAgent(database), await createTestAgent(database)];
    const bad = (handle: string, body: object) => post(`/v1/agents/${handle}/rotate-key/verify`, one.apiKey, body);
    expect((await bad(two.agent.handle, {})).body.code).toBe('FORBIDDEN');
    expect(await bad(one.agent.handle, {})).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_ERROR', details: { fieldErrors: { pending_id: [expect.any(String)] } } },
    });
    expect((await bad(one.agent.handle, { pending_id: 'pnd_none', code: '12345' })).body.code).toBe('VALIDATION_ERROR');
    expect((await bad(one.agent.handle, { pending_id: 'pnd_none', code: '123456' })).body.code).toBe('EXPIRED');
    const { body } = await rotate(two);
    await database.pendings.updateOne({ _id: body.pending_id }, { $set: { expiresAt: new Date() } });
    expect((await bad(one.agent.handle, { pending_id: body.pending_id, code: '123456' })).body.code).toBe('EXPIRED');
  });

  test('identity#12: a code of one purpose does not verify a pending of another', async () => {
    const one = await createTestAgent(database);
    const rotation = await rotate(one);
    const code = await codeFor(stack, one.agent.email);
    await clearCooldown(database, one.agent.email);
    const recovery = await post('/v1/agents/recover', '', { email: one.agent.email });
    const recoveryCode = await codeFor(stack, one.agent.email, 2);
    for (const path of ['/v1/register/verify', '/v1/agents/recover/verify']) {
      const answer = await post(path, '', { pending_id: rotation.body.pending_id, code });
      expect(answer).toMatchObject({ status: 400, body: { code: 'EXPIRED' } });
    }
    expect((await verify(one, recovery.body.pending_id, recoveryCode)).body.code).toBe('EXPIRED');
    if (code !== recoveryCode) {
      expect((await verify(one, rotation.body.pending_id, recoveryCode)).body.code).toBe('INVALID_CODE');
    }
    expect((await verify(one, rotation.body.pending_id, code)).status).toBe(200);
  });

  test('five wrong codes, then the right one is refused too, and the pending is burned', async () => {
    const one = await createTestAgent(database);
    const { body } = await rotate(one);
    const code = await codeFor(stack, one.agent.email);
    for (let tries = 1; tries <= 5; tries += 1) {
      expect((await verify(one, body.pending_id, notCode(code))).body.code).toBe('INVALID_CODE');
    }
    const sixth = await verify(one, body.pending_id, code);
    expect(sixth).toMatchObject({ status: 429, body: { code: 'OTP_ATTEMPTS_EXHAUSTED' } });
    expect(sixth.headers.get('retry-after')).toBeNull();
    await waitFor(async () => (await verify(one, body.pending_id, code)).body.code === 'EXPIRED');
    expect((await me(one.apiKey)).status).toBe(200);
  });

  test('of parallel right codes one swaps the key, and nobody with the old key is served after it', async () => {
    const one = await createTestAgent(database);
    const { body } = await rotate(one);
    const code = await codeFor(stack, one.agent.email);
    const answers = await Promise.all([1, 2, 3, 4].map(() => verify(one, body.pending_id, code)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    for (const lost of answers.filter(({ status }) => status !== 200)) {
      expect(['EXPIRED', 'UNAUTHORIZED']).toContain(lost.body.code);
    }
    expect(await database.agents.findOne({ _id: one.agent._id })).toMatchObject({ keyVersion: 2 });
    expect((await me(won[0]?.body.api_key)).status).toBe(200);
  });

  test('two rotations at once: the second code meets a key that was replaced', async () => {
    const one = await createTestAgent(database);
    const first = await rotate(one);
    const firstCode = await codeFor(stack, one.agent.email);
    await clearCooldown(database, one.agent.email);
    const second = await rotate(one);
    const secondCode = await codeFor(stack, one.agent.email, 2);
    const answers = await Promise.all([
      verify(one, first.body.pending_id, firstCode),
      verify(one, second.body.pending_id, secondCode),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(await database.agents.findOne({ _id: one.agent._id })).toMatchObject({ keyVersion: 2 });
  });

  test('identity#11: a mail that is not accepted is a 500 that leaves no cooldown and no pending', async () => {
    const one = await createTestAgent(database);
    stack.mailbox.refuse(true);
    expect(await rotate(one)).toMatchObject({ status: 500, body: { code: 'OTP_FAILED' } });
    stack.mailbox.refuse(false);
    expect(await database.pendings.countDocuments({ agentId: one.agent._id })).toBe(0);
    expect((await rotate(one)).status).toBe(200);
  });

  test('no worker: 503 within six seconds, nothing half-done, no mail when a worker comes back', async () => {
    const one = await createTestAgent(database);
    for (const worker of stack.workers.filter((child) => child.isRunning())) await stack.kill(worker);
    const startedMs = Date.now();
    const refused = await rotate(one);
    expect(refused).toMatchObject({ status: 503, body: { code: 'SERVICE_UNAVAILABLE' } });
    expect(Date.now() - startedMs).toBeLessThan(6_000);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await database.pendings.countDocuments({ agentId: one.agent._id })).toBe(0);
    await stack.startWorker();
    expect((await rotate(one)).status).toBe(200);
    await codeFor(stack, one.agent.email);
    expect(stack.mailbox.messages(one.agent.email)).toHaveLength(1);
  });
});
