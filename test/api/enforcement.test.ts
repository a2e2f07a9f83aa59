import { SocketClient } from '../realtime/socket-client';
import { call, createTestAgent, type CallOptions, type TestAgent, createTestAgents } from '../support/agents';
import { DAY_MS, makeWitnesses, wroteFirst } from '../support/community';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const TOKEN = 'operators-of-the-test-have-this-token';

/** Two api processes and a worker: what callers and operators see of enforcement. */
describe('community enforcement', () => {
  const { database, url } = useStack({ apis: 2, workers: 1, env: { OPS_ADMIN_TOKEN: TOKEN } });

  const as = (who: TestAgent, method: string, path: string, options: CallOptions & { node?: number } = {}) =>
    call(url(options.node), method, path, { key: who.apiKey, ...options });
  const send = (from: TestAgent, to: TestAgent, id: string, node = 0) =>
    as(from, 'POST', '/v1/messages', { node, body: { to: to.agent.handle, client_msg_id: id, content: 'hi' } });
  const block = (who: TestAgent, whom: TestAgent, node = 0) =>
    as(who, 'POST', `/v1/contacts/${whom.agent.handle}/block`, { node });
  const statusOf = async (who: TestAgent) => (await as(who, 'GET', '/v1/agents/me')).body.status;
  const untilStatus = (who: TestAgent, status: string) =>
    waitFor(async () => (await database.agents.findOne({ _id: who.agent._id }))?.status === status, {
      describe: `${status} ${who.agent.handle}`,
    });
  const many = <Count extends number>(count: Count) => createTestAgents(database, count);
  const operator = (method: string, path: string, body?: unknown, label = 'ada') =>
    call(url(), method, `/internal/agents${path}`, {
      headers: { authorization: `Bearer ${TOKEN}`, 'x-ops-operator': label },
      ...(body === undefined ? {} : { body }),
    });
  const view = async (who: TestAgent) => (await operator('GET', `/${who.agent.handle}/enforcement`)).body;
  /** `count` rows that count, made through the store. */
  async function blockedBefore(target: TestAgent, count: number, createdAt: Date) {
    const witnesses = await makeWitnesses(database, target, count);
    await database.blocks.insertMany(
      witnesses.map((from) => ({
        _id: `${from}:${target.agent._id}`,
        blockerId: from,
        blockedId: target.agent._id,
        createdAt,
        counts: true,
        isHidden: false,
      })),
    );
  }

  test('social#15, social#18, social#19: a spammer is restricted, then suspended; a brigade does nothing', async () => {
    const [spammer, victim, ...others] = await many(60);
    const [brigade, spammed] = [others, others.slice(0, 50)];
    const friend = spammed[49] ?? victim;
    for (const [index, to] of spammed.entries()) {
      expect((await send(spammer, to, `spam-${index}`, index % 2)).status).toBe(201);
    }
    await send(friend, spammer, 'answer');
    const sockets = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), spammer.apiKey, ['ack'])));
    await Promise.all(brigade.map((from, index) => block(from, victim, index % 2)));

    for (const [index, from] of spammed.slice(0, 14).entries()) await block(from, spammer, index % 2);
    await waitFor(async () => (await view(spammer)).pending_evaluations === 0);
    expect(await statusOf(spammer)).toBe('active');
    await block(spammed[14] ?? victim, spammer);
    await untilStatus(spammer, 'restricted');
    const cold = await send(spammer, await createTestAgent(database), 'cold');
    expect([cold.status, cold.body.code, cold.body.details]).toEqual([
      403,
      'RESTRICTED',
      { threshold: 15, window_hours: 24 },
    ]);
    expect((await send(spammer, friend, 'known')).status).toBe(201);

    // Each report carries a block: the tenth suspends.
    await Promise.all(
      spammed.slice(15, 25).map((from, index) =>
        as(from, 'POST', `/v1/contacts/${spammer.agent.handle}/report`, {
          node: index % 2,
          body: { reason: 'spam' },
        }),
      ),
    );
    await untilStatus(spammer, 'suspended');
    for (const socket of sockets) {
      expect(await socket.untilClosed()).toEqual({ code: 1008, reason: 'Account suspended' });
    }
    expect(await statusOf(spammer)).toBe('suspended');
    for (const node of [0, 1]) {
      const refused = await as(spammer, 'GET', '/v1/contacts', { node });
      expect([refused.status, refused.body.code, refused.body.details]).toEqual([
        403,
        'SUSPENDED',
        { reason: 'community_enforcement' },
      ]);
      expect((await send(friend, spammer, 'gone', node)).body.code).toBe('AGENT_NOT_FOUND');
      const hello = await SocketClient.hello(url(node), spammer.apiKey);
      expect(await hello.untilClosed()).toEqual({ code: 1008, reason: 'Account suspended' });
      expect(hello.frames).toEqual([]);
    }
    expect((await as(friend, 'GET', '/v1/contacts')).body.total).toBe(0);
    const state = await waitFor(async () => {
      const seen = await view(spammer);
      return (
        seen.history.every((entry: { side_effects_done_at: string }) => entry.side_effects_done_at !== null) && seen
      );
    });
    expect(state.history.map(({ number, to }: { number: number; to: string }) => [number, to])).toEqual([
      [2, 'suspended'],
      [1, 'restricted'],
    ]);

    expect(await statusOf(victim)).toBe('active');
    expect(await view(victim)).toMatchObject({
      status: 'active',
      counts: { blocks_24h: 0, blocks_7d: 0, reports_7d: 0 },
      history: [],
    });
  });

  test('social#23, conventions#13: the first request after the window is served as by an active agent', async () => {
    const [lifted, ended] = await many(2);
    for (const who of [lifted, ended]) {
      await database.agents.updateOne({ _id: who.agent._id }, { $set: { status: 'restricted' } });
      await database.guards.updateOne(
        { _id: `sender:${who.agent._id}` },
        { $set: { status: 'restricted' }, $inc: { v: 1 } },
      );
    }
    await blockedBefore(lifted, 15, new Date(Date.now() - DAY_MS - 1_000));
    await blockedBefore(ended, 50, new Date(Date.now() - 2 * DAY_MS));
    expect((await send(lifted, await createTestAgent(database), 'cold')).status).toBe(201);
    expect(await statusOf(lifted)).toBe('active');
    const refused = await as(ended, 'GET', '/v1/contacts', { node: 1 });
    expect([refused.status, refused.body.code]).toEqual([403, 'SUSPENDED']);
    expect(await statusOf(ended)).toBe('suspended');
    expect((await view(lifted)).history).toMatchObject([{ from: 'restricted', to: 'active', trigger: 'request' }]);
  });

  test("social#G10, social#G11: each action of an operator is in force and bears the operator's name", async () => {
    const [agent, witness] = await many(2);
    const path = `/${agent.agent.handle}`;
    await wroteFirst(database, agent.agent._id, witness.agent._id);
    await as(witness, 'POST', `/v1/contacts/${agent.agent.handle}/report`, { body: { reason: 'rude' } });
    const socket = await SocketClient.hello(url(1), agent.apiKey, ['ack']);
    const suspended = await operator('POST', `${path}/suspend`, { note: 'as asked' });
    expect(suspended.body).toMatchObject({
      status: 'suspended',
      source: 'operator',
      is_sticky: true,
      counts: { blocks_24h: 1, blocks_7d: 1, reports_7d: 1 },
      thresholds: { blocks_24h: 15, blocks_7d: 50, reports_7d: 10 },
      counting_reports: [{ by: witness.agent._id }],
      next_evaluation_at: null,
      history: [{ number: 1, from: 'active', to: 'suspended', operator: 'ada', note: 'as asked', trigger: 'operator' }],
    });
    // In force when it was answered.
    expect(await socket.untilClosed(2_000)).toEqual({ code: 1008, reason: 'Account suspended' });
    expect((await as(agent, 'GET', '/v1/contacts')).body.details).toEqual({ reason: 'operator' });
    expect((await operator('GET', '?status=suspended&limit=100')).body.agents).toContainEqual(
      expect.objectContaining({ handle: agent.agent.handle, source: 'operator' }),
    );
    expect((await operator('POST', `${path}/restrict`)).body.code).toBe('VALIDATION_ERROR');
    expect((await operator('POST', `${path}/reinstate`)).body).toMatchObject({
      status: 'active',
      source: 'community',
      is_sticky: false,
      counts: { blocks_7d: 0, reports_7d: 0 },
    });
    expect(await statusOf(agent)).toBe('active');
    expect((await operator('POST', `${path}/restrict`)).body).toMatchObject({
      status: 'restricted',
      source: 'operator',
    });
    expect(await statusOf(agent)).toBe('restricted');
    expect((await operator('POST', `${path}/hold`, {})).body.code).toBe('VALIDATION_ERROR');
    expect((await operator('POST', `${path}/hold`, { sticky: false })).body.code).toBe('VALIDATION_ERROR');
    expect((await operator('POST', `${path}/evaluate`)).body.status).toBe('restricted');
    expect((await operator('GET', `${path}/reports`)).body.reports).toMatchObject([
      { reporter: witness.agent.handle, reason: 'rude', counts: true },
    ]);
    const audit = await database.auditEvents.find({ targetId: agent.agent._id, actorType: 'operator' }).toArray();
    expect(audit.map(({ actorId }) => actorId)).toEqual(['ada', 'ada', 'ada']);
  });

  test('an operator without a usable label is on record as an operator without a name', async () => {
    const [agent] = await many(1);
    const path = `/${agent.agent.handle}`;
    for (const label of ['', 'two words']) await operator('POST', `${path}/suspend`, {}, label);
    expect((await view(agent)).history).toMatchObject([{ to: 'suspended', trigger: 'operator', operator: null }]);
    const audit = await database.auditEvents.find({ targetId: agent.agent._id, actorType: 'operator' }).toArray();
    expect(audit.map(({ actorId }) => actorId)).toEqual([null, null]);
  });

  test('operators only: without the token nothing, and odd input is refused', async () => {
    const [agent] = await many(1);
    const system = await createTestAgent(database, { isSystem: true });
    const stranger = await call(url(), 'POST', `/internal/agents/${agent?.agent.handle}/suspend`, {
      key: agent?.apiKey,
    });
    expect([stranger.status, stranger.body.code]).toEqual([401, 'OPS_AUTH_REQUIRED']);
    expect((await operator('POST', `/${system.agent.handle}/suspend`)).body.code).toBe('SYSTEM_AGENT_PROTECTED');
    expect((await operator('GET', '/nobody-here/enforcement')).body.code).toBe('AGENT_NOT_FOUND');
    expect((await operator('GET', '')).body.code).toBe('VALIDATION_ERROR');
    expect((await operator('GET', '?status=active')).body.code).toBe('VALIDATION_ERROR');
    expect((await operator('POST', `/${agent?.agent.handle}/suspend`, '[')).body.code).toBe('VALIDATION_ERROR');
    expect((await operator('POST', `/${agent?.agent.handle}/suspend`, { note: 'x'.repeat(1_001) })).status).toBe(400);
    expect(await statusOf(agent ?? system)).toBe('active');
  });

  test('social#G16: nothing that agents can ask for tells who reported or how many', async () => {
    const [agent, witness] = await many(2);
    await send(agent, witness, 'opener');
    await as(witness, 'POST', `/v1/contacts/${agent.agent.handle}/report`, { body: { reason: 'a secret reason' } });
    await blockedBefore(agent, 15, new Date());
    await operator('POST', `/${agent.agent.handle}/evaluate`);
    const seen = await Promise.all([
      as(agent, 'GET', '/v1/agents/me'),
      send(agent, witness, 'after'),
      send(agent, await createTestAgent(database), 'cold'),
      as(agent, 'GET', '/v1/messages/sync'),
      as(agent, 'GET', '/v1/contacts'),
      as(witness, 'GET', `/v1/contacts/${agent.agent.handle}`),
    ]);
    expect(seen.map(({ status }) => status)).toEqual([200, 403, 403, 200, 200, 404]);
    const text = seen.map((answer) => answer.text).join();
    for (const secret of ['a secret reason', witness.agent._id, 'reports', 'blocks'])
      expect(text).not.toContain(secret);
  });
});
