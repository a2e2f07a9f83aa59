import type { CallAnswer } from '../support/agents';
import { createTestAgent } from '../support/agents';
import { CLAIMS_REFUSED } from '../../contract/limits';
import { claim, signInOwner, type TestOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { inboxInId, senderGuardId } from '../../domain/guards';
import { newApiKey } from '../../platform/ids';
import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { swapKey } from '../../store/accounts/swap-key';
import { agentActor } from '../../store/schema/audit';
import { hashApiKey } from '../../platform/ids';

describe('claims of agents by owners', () => {
  const { stack, database } = useStack({ apis: 2, workers: 0 });

  const paste = (owner: TestOwner, apiKey: unknown, options: object = {}): Promise<CallAnswer> =>
    owner.call('POST', '/dashboard/agents/claim', { body: { api_key: apiKey }, ...options });
  const eventsOf = async (targetId: string) =>
    (await database.auditEvents.find({ targetId }).sort({ createdAt: 1 }).toArray()).filter(
      ({ action }) => action !== 'agent.created',
    );
  const actionsOf = async (targetId: string) => (await eventsOf(targetId)).map(({ action }) => action).sort();
  const ownersInGuards = async (agentId: string) => {
    const ids = [senderGuardId(agentId), inboxInId(agentId)];
    const guards = await database.guards.find({ _id: { $in: ids } }).toArray();
    return guards.map((guard) => ('ownerId' in guard ? guard.ownerId : undefined));
  };
  const rotate = async (agentId: string) => {
    const apiKey = newApiKey();
    const swap = { agentId, apiKeyHash: hashApiKey(apiKey), actor: agentActor(agentId), at: new Date() };
    await swapKey(database, swap);
    return apiKey;
  };

  test('dashboard#7: a key claims its agent; the same owner again is 200, with one event', async () => {
    const owner = await signInOwner(stack);
    const { agent, apiKey } = await createTestAgent(database);
    const first = await paste(owner, apiKey);
    expect(first.status).toBe(201);
    expect(first.body).toEqual({
      handle: agent.handle,
      display_name: null,
      description: null,
      avatar_url: null,
      status: 'active',
      paused_by_owner: 'none',
      claimed_at: expect.stringMatching(/Z$/),
      created_at: agent.createdAt.toISOString(),
    });
    const again = await paste(owner, apiKey, { node: 1 });
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(await eventsOf(agent._id)).toMatchObject([
      { action: 'agent.claimed', actorType: 'owner', actorId: owner.id, metadata: {} },
    ]);
    expect(await ownersInGuards(agent._id)).toEqual([owner.id, owner.id]);
    expect((await owner.call('GET', '/dashboard/agents')).body).toEqual({ agents: [first.body] });
  });

  test('dashboard#7: of owners who race for a free agent one gets 201, the others 409', async () => {
    const owners = await Promise.all([1, 2, 3].map(() => signInOwner(stack)));
    const { agent, apiKey } = await createTestAgent(database);
    const answers = await Promise.all(owners.map((owner, node) => paste(owner, apiKey, { node: node % 2 })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    const winner = owners[answers.findIndex(({ status }) => status === 201)];
    expect(await database.claims.findOne({ _id: agent._id })).toMatchObject({ ownerId: winner?.id });
    expect(await ownersInGuards(agent._id)).toEqual([winner?.id, winner?.id]);
    expect(await actionsOf(agent._id)).toEqual(['agent.claim_attempted', 'agent.claim_attempted', 'agent.claimed']);
  });

  test('dashboard#7: one owner who claims many times at once claims once', async () => {
    const owner = await signInOwner(stack);
    const { agent, apiKey } = await createTestAgent(database);
    const answers = await Promise.all([0, 1, 0, 1].map((node) => paste(owner, apiKey, { node })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    expect(await actionsOf(agent._id)).toEqual(['agent.claimed']);
  });

  test('dashboard#7: a claim with a wrong or dead key is 404, of a system agent 409, and leaves nothing', async () => {
    const owner = await signInOwner(stack);
    const before = await database.auditEvents.countDocuments();
    expect(await paste(owner, 'ac_live_wrong')).toMatchObject({ status: 404, body: { code: 'INVALID_API_KEY' } });
    for (const apiKey of ['', 5, null, undefined]) {
      expect(await paste(owner, apiKey)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    }
    expect(await database.auditEvents.countDocuments()).toBe(before);
    const deleted = await createTestAgent(database);
    await deleteAgent(database, deleted.agent._id, new Date());
    expect(await paste(owner, deleted.apiKey)).toMatchObject({ status: 404, body: { code: 'INVALID_API_KEY' } });
    const system = await createTestAgent(database, { isSystem: true });
    expect(await paste(owner, system.apiKey)).toMatchObject({ status: 409, body: { code: 'SYSTEM_AGENT_PROTECTED' } });
    expect(await database.claims.countDocuments({ ownerId: owner.id })).toBe(0);
  });

  test('dashboard#7: five refusals, then 429 for everybody but the holder, even once the agent is free', async () => {
    const [holder, other, third] = await Promise.all([1, 2, 3].map(() => signInOwner(stack)));
    if (holder === undefined || other === undefined || third === undefined) throw new Error('no owners');
    // Refusals are counted in windows by the clock: one that ended in between would let the sixth through.
    const { windowMs } = CLAIMS_REFUSED;
    await waitFor(() => Date.now() % windowMs < windowMs - 10_000);
    const { agent, apiKey } = await createTestAgent(database);
    await claim(holder, { apiKey });
    const agents = ['  Some Browser  ', 'x'.repeat(300), ''];
    const refused = await Promise.all(
      [0, 1, 2, 3, 4].map((index) =>
        paste(other, apiKey, { node: index % 2, headers: { 'user-agent': agents[index] ?? 'again' } }),
      ),
    );
    for (const answer of refused) expect(answer).toMatchObject({ status: 409, body: { code: 'ALREADY_CLAIMED' } });
    const sixth = await paste(other, apiKey);
    expect(sixth).toMatchObject({ status: 429, body: { code: 'TOO_MANY_CLAIMS' } });
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await paste(holder, apiKey)).status).toBe(200);
    const attempts = (await eventsOf(agent._id)).filter(({ action }) => action === 'agent.claim_attempted');
    expect(attempts).toHaveLength(5);
    for (const { actorId, metadata } of attempts) {
      expect([actorId, metadata]).toEqual([other.id, { ip: '127.0.0.1', user_agent: expect.any(String) }]);
    }
    const told = attempts.map(({ metadata }) => String(metadata['user_agent']));
    expect(told.sort()).toEqual(['Some Browser', 'again', 'again', 'unknown', 'x'.repeat(200)].sort());
    expect((await holder.call('DELETE', `/dashboard/agents/${agent.handle}`)).status).toBe(200);
    expect(await paste(third, apiKey)).toMatchObject({ status: 429, body: { code: 'TOO_MANY_CLAIMS' } });
    await database.rateWindows.updateOne(
      { _id: `claim_refused:${agent._id}` },
      { $set: { endsAt: new Date(Date.now() - 1) } },
    );
    expect((await paste(third, apiKey)).status).toBe(201);
  });

  test('suspended and restricted agents are claimed, shown and released like others', async () => {
    const owner = await signInOwner(stack);
    for (const status of ['suspended', 'restricted'] as const) {
      const { agent, apiKey } = await createTestAgent(database);
      await setStatus(database, agent._id, status, new Date());
      expect((await paste(owner, apiKey)).body).toMatchObject({ handle: agent.handle, status });
      const path = `/dashboard/agents/${agent.handle}`;
      expect((await owner.call('GET', path)).body).toMatchObject({ handle: agent.handle, status });
      expect((await owner.call('DELETE', path)).status).toBe(200);
      expect(await owner.call('GET', path)).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
    }
  });

  test('list and profile: newest claim first, masked address, the handle as people type it, no ids', async () => {
    const owner = await signInOwner(stack);
    const made = [await createTestAgent(database), await createTestAgent(database), await createTestAgent(database)];
    for (const one of made) await claim(owner, one);
    const list = await owner.call('GET', '/dashboard/agents');
    const handles = list.body.agents.map(({ handle }: { handle: string }) => handle);
    expect(handles).toEqual(made.map(({ agent }) => agent.handle).reverse());
    const boot = await owner.call('GET', '/dashboard/bootstrap');
    expect(boot.body).toEqual({
      owner: { email: owner.email, display_name: null, created_at: expect.any(String) },
      agents: list.body.agents,
    });
    const [first] = made;
    const { agent } = first ?? (await createTestAgent(database));
    const typed = [agent.handle, `@${agent.handle}`, `%40${agent.handle.toUpperCase()}`];
    for (const handle of typed) {
      const { status, body } = await owner.call('GET', `/dashboard/agents/${handle}`);
      const domain = agent.email.slice(agent.email.indexOf('@'));
      expect([status, body.email_masked]).toEqual([200, `${agent.email[0]}****${domain}`]);
      expect(Object.keys(body).sort()).toEqual(
        'avatar_url created_at description display_name email_masked handle paused_by_owner status'.split(' '),
      );
    }
    for (const { text } of [list, boot]) expect(text).not.toMatch(new RegExp(`agt_|dsh_|${owner.id}`));
  });

  test('dashboard#13: a release in full pause sets it to none; a new claim starts there', async () => {
    const [owner, next] = [await signInOwner(stack), await signInOwner(stack)];
    const { agent, apiKey } = await createTestAgent(database);
    await claim(owner, { apiKey });
    await setPause(database, agent._id, 'full', new Date());
    expect((await owner.call('DELETE', `/dashboard/agents/@${agent.handle}`)).status).toBe(200);
    expect(await database.agents.findOne({ _id: agent._id })).toMatchObject({ pausedByOwner: 'none' });
    expect(await ownersInGuards(agent._id)).toEqual([null, null]);
    expect(await database.guards.countDocuments({ _id: /agt/, pausedByOwner: 'full' })).toBe(0);
    const events = await eventsOf(agent._id);
    expect(events.find(({ action }) => action === 'agent.unpaused')).toMatchObject({
      actorType: 'system',
      metadata: { reason: 'released' },
    });
    expect(events.find(({ action }) => action === 'agent.released')).toMatchObject({ actorId: owner.id });
    expect((await paste(next, apiKey)).body).toMatchObject({ paused_by_owner: 'none' });
    expect((await owner.call('GET', '/dashboard/agents')).body).toEqual({ agents: [] });
  });

  test('of releases at once one is 200, the others 404', async () => {
    const owner = await signInOwner(stack);
    const one = await createTestAgent(database);
    await claim(owner, one);
    const path = `/dashboard/agents/${one.agent.handle}`;
    const answers = await Promise.all([0, 1, 0, 1].map((node) => owner.call('DELETE', path, { node })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404]);
    for (const { status, body } of answers) {
      if (status === 404) expect(['AGENT_NOT_FOUND', 'CLAIM_NOT_FOUND']).toContain(body.code);
    }
    expect(await actionsOf(one.agent._id)).toEqual(['agent.claimed', 'agent.released']);
  });

  test('dashboard#12: a new key ends claim and pause in one commit, with an event for each', async () => {
    const owner = await signInOwner(stack);
    const { agent, apiKey } = await createTestAgent(database);
    await claim(owner, { apiKey });
    await setPause(database, agent._id, 'send', new Date());
    const newKey = await rotate(agent._id);
    expect(await database.claims.findOne({ _id: agent._id })).toBeNull();
    expect(await ownersInGuards(agent._id)).toEqual([null, null]);
    expect(await database.agents.findOne({ _id: agent._id })).toMatchObject({ pausedByOwner: 'none' });
    const events = await eventsOf(agent._id);
    expect(events.find(({ action }) => action === 'agent.claim_revoked')).toMatchObject({
      actorType: 'system',
      actorId: null,
      metadata: { owner_id: owner.id, reason: 'key_rotated' },
    });
    expect(events.find(({ action }) => action === 'agent.unpaused')).toMatchObject({
      actorType: 'system',
      metadata: { reason: 'key_rotated' },
    });
    const gone = await owner.call('GET', `/dashboard/agents/${agent.handle}`);
    expect(gone).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
    expect(await paste(owner, apiKey)).toMatchObject({ status: 404, body: { code: 'INVALID_API_KEY' } });
    expect((await paste(owner, newKey)).status).toBe(201);

    const free = await createTestAgent(database);
    await rotate(free.agent._id);
    expect(await actionsOf(free.agent._id)).toEqual(['agent.key_rotated']);
  });

  test('a claim that races a new key is ended by it or refused, never left standing', async () => {
    const owner = await signInOwner(stack);
    for (let round = 0; round < 6; round += 1) {
      const { agent, apiKey } = await createTestAgent(database);
      const [claimed] = await Promise.all([paste(owner, apiKey), rotate(agent._id)]);
      expect([201, 404]).toContain(claimed.status);
      expect(await database.claims.findOne({ _id: agent._id })).toBeNull();
      expect(await ownersInGuards(agent._id)).toEqual([null, null]);
      const revoked = claimed.status === 201 ? ['agent.claim_revoked', 'agent.claimed'] : [];
      expect(await actionsOf(agent._id)).toEqual([...revoked, 'agent.key_rotated']);
    }
  });

  test('the end of an account ends its claim', async () => {
    const owner = await signInOwner(stack);
    const one = await createTestAgent(database);
    await claim(owner, one);
    await deleteAgent(database, one.agent._id, new Date());
    expect(await database.claims.findOne({ _id: one.agent._id })).toBeNull();
    expect(await ownersInGuards(one.agent._id)).toEqual([null, null]);
    expect((await owner.call('GET', '/dashboard/agents')).body).toEqual({ agents: [] });
    const gone = await owner.call('GET', `/dashboard/agents/${one.agent.handle}`);
    expect(gone).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
  });
});
