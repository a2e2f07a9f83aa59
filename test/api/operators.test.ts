import { CHATFATHER_ID } from '../../contract/ids';
import { SERVICE_LIMITS } from '../../contract/limits';
import { hitRateWindow } from '../../store/schema/rate-windows';
import { seedSystemAgents } from '../../store/accounts/system-agents';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { SocketClient } from '../realtime/socket-client';
import { call, createTestAgent, type CallOptions, createTestAgents } from '../support/agents';
import { openStackDatabase } from '../support/traffic';
import { waitFor } from '../support/wait';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';

const OPS_TOKEN = 'operator-token-of-at-least-32-characters';
const ROTATE = '/internal/rotate-system-agent-key';

describe('system agents and operators', () => {
  const { stack, database, url } = useStack({ apis: 2, env: { OPS_ADMIN_TOKEN: OPS_TOKEN } });
  const limited = use(() => stack.startApi({ RATE_LIMITS: 'on' }));
  const rotate = (body: unknown, options: CallOptions = {}) =>
    call(url(), 'POST', ROTATE, { key: OPS_TOKEN, body, ...options });
  const events = (query: string) => call(url(1), 'GET', `/internal/audit-events?${query}`, { key: OPS_TOKEN });

  test('chatfather is there once, however many processes started at once, and starts change nothing of it', async () => {
    const before = await database.agents.find({ isSystem: true }).toArray();
    expect(before).toEqual([
      expect.objectContaining({ _id: CHATFATHER_ID, handle: 'chatfather', status: 'active', isListed: true }),
    ]);
    expect(before[0]?.settings).toEqual({ inboxMode: 'open', groupInvitePolicy: 'contacts_only', discoverable: true });
    await Promise.all(Array.from({ length: 5 }, () => seedSystemAgents(database, new Date())));
    expect(await database.agents.find({ isSystem: true }).toArray()).toEqual(before);
  });

  test('ten first starts at once seed one chatfather with its guards', async () => {
    const fresh = openStackDatabase({ ...stack, dbName: `${stack.dbName}-seed` });
    try {
      await Promise.all(Array.from({ length: 10 }, () => seedSystemAgents(fresh, new Date())));
      expect(await fresh.agents.countDocuments()).toBe(1);
      expect(await fresh.guards.countDocuments()).toBe(3);
      expect(await fresh.auditEvents.countDocuments()).toBe(1);
    } finally {
      await fresh.db.dropDatabase();
      await fresh.client.close();
    }
  });

  test('anybody finds chatfather, nobody can register or log in as it', async () => {
    const shown = await call(url(), 'GET', '/v1/agents/@ChatFather');
    expect(shown.body).toMatchObject({ handle: 'chatfather', is_system: true, status: 'active' });
    const listed = await call(url(), 'GET', '/v1/directory?q=chatfather');
    expect(listed.body).toMatchObject({ total: 1, agents: [{ handle: 'chatfather' }] });
    const body = { handle: 'chatfather', email: 'me@example.com' };
    expect((await call(url(), 'POST', '/v1/register', { body })).body.code).toBe('INVALID_HANDLE');
    for (const key of [`system:${CHATFATHER_ID}`, CHATFATHER_ID, 'chatfather']) {
      expect((await call(url(), 'GET', '/v1/agents/me', { key })).status).toBe(401);
    }
  });

  test('an operator gives it a key: the old one ends, its sockets close on every node, and it is on record', async () => {
    const first = await rotate({ handle: '@ChatFather' }, { headers: { 'x-ops-operator': 'ada' } });
    expect([first.status, first.body]).toEqual([
      200,
      { handle: 'chatfather', api_key: expect.stringMatching(/^ac_live_[\w-]{43}$/) },
    ]);
    const key: string = first.body.api_key;
    expect((await call(url(1), 'GET', '/v1/agents/me', { key })).body).toMatchObject({ is_system: true });
    const sockets = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), key)));
    const second = await rotate({ handle: 'chatfather' });
    expect((await call(url(1), 'GET', '/v1/agents/me', { key })).status).toBe(401);
    for (const socket of sockets) {
      expect(await socket.untilClosed()).toEqual({ code: 1008, reason: 'System agent key rotated' });
    }
    expect((await call(url(1), 'GET', '/v1/agents/me', { key: second.body.api_key })).status).toBe(200);
    const recorded = await events('handle=chatfather');
    expect(recorded.body.events.map((event: Record<string, unknown>) => [event['action'], event['actor_id']])).toEqual([
      ['agent.key_rotated', null],
      ['agent.key_rotated', 'ada'],
      ['agent.created', CHATFATHER_ID],
    ]);
    expect(recorded.text).not.toContain('ac_live_');
  });

  test('the order of checks: token, service-wide window, body, agent', async () => {
    const { agent } = await createTestAgent(database);
    expect((await rotate('{bad', { key: 'wrong' })).body.code).toBe('OPS_AUTH_REQUIRED');
    for (const body of ['{bad', {}, { handle: 5 }, { handle: '' }, []]) {
      expect((await rotate(body)).body.code).toBe('VALIDATION_ERROR');
    }
    const unknown = await rotate({ handle: 'never-registered' });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'NOT_A_SYSTEM_AGENT']);
    for (const handle of [agent.handle, '@@chatfather', 'x', '$where']) {
      const refused = await rotate({ handle });
      expect([handle, refused.status, refused.text]).toEqual([handle, 404, unknown.text]);
    }
    const refused = await waitFor(async () => {
      const window = SERVICE_LIMITS.ops_rotate;
      for (let hit = 0; hit < window.limit; hit += 1) await hitRateWindow(database, 'ops_rotate', 'service', window);
      const answer = await call(limited.baseUrl, 'POST', ROTATE, { key: OPS_TOKEN, body: '{bad' });
      return answer.status === 429 ? answer : null;
    });
    expect(refused.body).toMatchObject({ code: 'RATE_LIMITED', details: { scope: 'ops_rotate', limit: 10 } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  test('audit events are read by agent, by action or all, newest first, page by page', async () => {
    const made = await createTestAgents(database, 5);
    const [one] = made;
    await deleteAgent(database, one.agent._id, new Date());
    const own = await events(`handle=@${one.agent.handle.toUpperCase()}`);
    expect(own.body).toEqual({
      events: [
        expect.objectContaining({ action: 'agent.deleted', actor_type: 'agent', target_id: one.agent._id }),
        expect.objectContaining({ action: 'agent.created', metadata: {} }),
      ],
      next_before: null,
    });
    const seen: string[] = [];
    let before = '';
    for (;;) {
      const page = await events(`action=agent.created&limit=2${before && `&before=${encodeURIComponent(before)}`}`);
      expect(page.status).toBe(200);
      seen.push(...page.body.events.map((event: { target_id: string }) => event.target_id));
      if (page.body.next_before === null) break;
      before = page.body.next_before;
    }
    expect(seen).toHaveLength(new Set(seen).size);
    expect(seen.slice(0, 5)).toEqual(made.map(({ agent }) => agent._id).reverse());
    expect((await events('')).body.events.length).toBeGreaterThan(5);
    for (const query of [
      'action=nothing',
      'before=yesterday',
      'before=2026-13-45T99:99:99.999Z,evt_x',
      `handle=a&action=agent.created`,
    ]) {
      expect([query, (await events(query)).body.code]).toEqual([query, 'VALIDATION_ERROR']);
    }
    expect((await events('handle=never-registered')).body.code).toBe('AGENT_NOT_FOUND');
    expect((await call(url(), 'GET', '/internal/audit-events')).body.code).toBe('OPS_AUTH_REQUIRED');
  });

  test('a system agent writes to strangers without the cold rules, at 200 a second', async () => {
    const system = await createTestAgent(database, { isSystem: true });
    const { agent } = await createTestAgent(database);
    const send = (id: string) =>
      call(url(), 'POST', '/v1/messages', {
        key: system.apiKey,
        body: { to: agent.handle, client_msg_id: id, content: 'hi' },
      });
    for (const id of ['1', '2', '3']) expect((await send(id)).status).toBe(201);
  });
});
