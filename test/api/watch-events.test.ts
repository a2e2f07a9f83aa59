import { createTestAgent, call, type Parsed, type TestAgent } from '../support/agents';
import { claim, signInOwner, type TestOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { framesOf, openDashboard, ownerOf, view } from '../support/watch';
import { waitFor } from '../support/wait';
import { agentActor } from '../../store/schema/audit';
import { hashApiKey, newApiKey } from '../../platform/ids';
import { setPause } from '../../store/accounts/set-pause';
import { swapKey } from '../../store/accounts/swap-key';

const OPS_TOKEN = 'operator-token-of-at-least-32-characters';

/** The log is what an owner has after an incident: an action that is missing there did not happen. */
describe('the activity log', () => {
  const { stack, database, url } = useStack({ env: { OPS_ADMIN_TOKEN: OPS_TOKEN } });
  const eventsOf = async (owner: TestOwner, agent: TestAgent, query = 'limit=100') =>
    (await view(owner, agent, `events?${query}`)).body;
  const as = (who: TestAgent, method: string, path: string, body?: unknown) =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  const told = (events: Parsed[]) =>
    events.map(({ actor_type, action, metadata }) => [actor_type, action, metadata] as const);
  const rotate = async (who: TestAgent): Promise<TestAgent> => {
    const apiKey = newApiKey();
    const { _id: agentId } = who.agent;
    await swapKey(database, { agentId, apiKeyHash: hashApiKey(apiKey), actor: agentActor(agentId), at: new Date() });
    return { ...who, apiKey };
  };
  const one = async () => {
    const { owner, agents } = await ownerOf(stack, database);
    return { owner, agent: agents[0] as TestAgent };
  };

  test('every action of the contract is there, with who did it and exactly what may be shown', async () => {
    const { owner, agent } = await one();
    const peer = await createTestAgent(database);
    const path = `/v1/contacts/${peer.agent.handle}`;
    await as(agent, 'POST', `${path}/block`);
    await as(agent, 'DELETE', `${path}/block`);
    await as(agent, 'POST', `${path}/report`, { reason: 'a private reason' });
    // What others do about it stays theirs.
    await as(peer, 'POST', `/v1/contacts/${agent.agent.handle}/block`);
    for (const mode of ['send', 'full'])
      await owner.call('POST', `/dashboard/agents/${agent.agent.handle}/pause`, { body: { mode } });
    await owner.call('POST', `/dashboard/agents/${agent.agent.handle}/unpause`);
    const other = await signInOwner(stack);
    await other.call('POST', '/dashboard/agents/claim', {
      body: { api_key: agent.apiKey },
      headers: { 'user-agent': '  Someone/1.0  ' },
    });
    const suspended = await call(url(), 'POST', `/internal/agents/${agent.agent.handle}/suspend`, {
      key: OPS_TOKEN,
      body: { note: 'a private note' },
      headers: { 'x-ops-operator': 'ada-the-operator' },
    });
    expect(suspended.status).toBeLessThan(300);
    const { events, next_before } = await eventsOf(owner, agent);
    const handle = peer.agent.handle;
    expect(told(events)).toEqual([
      ['system', 'agent.status_changed', { from: 'active', to: 'suspended', reason: 'operator' }],
      ['owner', 'agent.claim_attempted', { ip: '127.0.0.1', user_agent: 'Someone/1.0' }],
      ['owner', 'agent.unpaused', {}],
      ['owner', 'agent.paused', { mode: 'full' }],
      ['owner', 'agent.paused', { mode: 'send' }],
      ...both(['agent', 'agent.reported', { handle }], ['agent', 'agent.blocked', { handle }], events),
      ['agent', 'agent.unblocked', { handle }],
      ['agent', 'agent.blocked', { handle }],
      ['owner', 'agent.claimed', {}],
      ['agent', 'agent.created', {}],
    ]);
    expect(next_before).toBeNull();
    expect(JSON.stringify(events)).not.toMatch(/private|ada-the-operator/);
    expect(new Set(events.map(({ id }: Parsed) => id)).size).toBe(events.length);
    for (const { id, created_at } of events) {
      expect([id, created_at]).toEqual([expect.stringMatching(/^evt_/), expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/)]);
    }
  });

  /** Two of one time, in the order in which they came. */
  function both(first: Parsed, second: Parsed, events: Parsed[]): Parsed[] {
    const at = events.findIndex(({ action }) => action === first[1] || action === second[1]);
    return events[at]?.action === first[1] ? [first, second] : [second, first];
  }

  test('dashboard#12: a new key leaves its three events, whose owner sees them again after claiming anew', async () => {
    const { owner, agent } = await one();
    await setPause(database, agent.agent._id, 'full', new Date(), owner.id);
    const renewed = await rotate(agent);
    expect((await view(owner, agent, 'events')).status).toBe(404);
    await claim(owner, renewed);
    const actions = (list: Parsed[]) => list.map(({ action }) => action);
    const { events } = await eventsOf(owner, agent);
    expect(events[0]).toMatchObject({ actor_type: 'owner', action: 'agent.claimed' });
    expect(actions(events.slice(1, 4)).sort()).toEqual(['agent.claim_revoked', 'agent.key_rotated', 'agent.unpaused']);
    expect(told(events)).toEqual(
      expect.arrayContaining([
        ['agent', 'agent.key_rotated', {}],
        ['system', 'agent.claim_revoked', { reason: 'key_rotated' }],
        ['system', 'agent.unpaused', { reason: 'key_rotated' }],
      ]),
    );
    expect(actions(events.slice(4))).toEqual(['agent.paused', 'agent.claimed', 'agent.created']);
    // The next owner sees them, too; the agent and its peers have no way to.
    await owner.call('DELETE', `/dashboard/agents/${agent.agent.handle}`);
    const next = await signInOwner(stack);
    await claim(next, renewed);
    expect(actions((await eventsOf(next, agent)).events).slice(0, 3)).toEqual([
      'agent.claimed',
      'agent.released',
      'agent.claimed',
    ]);
  });

  test('pages: any limit shows the same events once, those of one millisecond included; before is strict', async () => {
    const { owner, agent } = await one();
    const at = new Date('2026-03-01T10:00:00.500Z');
    await database.auditEvents.insertMany(
      Array.from({ length: 7 }, (_, index) => ({
        _id: `evt_${agent.agent.handle}-${index}`,
        actorType: 'agent' as const,
        actorId: agent.agent._id,
        action: 'agent.blocked' as const,
        targetId: agent.agent._id,
        metadata: { handle: `peer-${index}` },
        createdAt: at,
      })),
    );
    const all = (await eventsOf(owner, agent)).events;
    expect(all).toHaveLength(9);
    for (const limit of [1, 2, 3, 9]) {
      const seen: Parsed[] = [];
      let before = '';
      for (let page = 0; page < 12; page += 1) {
        const { events, next_before } = await eventsOf(owner, agent, `limit=${limit}${before && `&before=${before}`}`);
        expect(events.length).toBeLessThanOrEqual(limit);
        seen.push(...events);
        if (next_before === null) break;
        expect(Number.isNaN(Date.parse(next_before))).toBe(false);
        before = encodeURIComponent(next_before);
      }
      expect([limit, seen]).toEqual([limit, all]);
    }
    const strict = await eventsOf(owner, agent, `before=${at.toISOString()}`);
    expect([strict.events, strict.next_before]).toEqual([[], null]);
    expect((await eventsOf(owner, agent, 'before=2026-03-01T10:00:00.501Z')).events).toHaveLength(7);
    expect((await eventsOf(owner, agent, 'before=2026-03-01T11:00:00.5005%2B01:00')).events).toHaveLength(7);
  });

  test('an activity log with messages merges both directions with the recorded events, as previews', async () => {
    const { owner, agent } = await one();
    const peer = await createTestAgent(database);
    const say = (from: TestAgent, body: object) =>
      as(from, 'POST', '/v1/messages', { client_msg_id: `e-${Math.random()}`, ...body });
    const opener = await say(agent, { to: peer.agent.handle, content: `  ${'long '.repeat(60)}` });
    const answer = await say(peer, { to: agent.agent.handle, type: 'structured', content: { data: { secret: 1 } } });
    const group = (await as(agent, 'POST', '/v1/groups', { name: 'desk' })).body.group;
    const inGroup = await say(agent, { conversation_id: group.id, content: 'to the desk' });
    await as(agent, 'POST', `/v1/contacts/${peer.agent.handle}/block`);
    const { events } = await eventsOf(owner, agent, 'include_messages=1');
    expect(events.map(({ action }: Parsed) => action)).toEqual([
      'agent.blocked',
      'message.sent',
      'message.received',
      'message.sent',
      'agent.claimed',
      'agent.created',
    ]);
    const [, toGroup, received, sent] = events;
    const direct = { conversation_id: opener.body.conversation_id, peer_handle: peer.agent.handle };
    expect([toGroup, received, sent]).toEqual([
      {
        id: inGroup.body.id,
        actor_type: 'agent',
        action: 'message.sent',
        created_at: inGroup.body.created_at,
        metadata: {
          conversation_id: group.id,
          message_id: inGroup.body.id,
          group_name: 'desk',
          type: 'text',
          preview: 'to the desk',
        },
      },
      expect.objectContaining({
        id: answer.body.id,
        metadata: { ...direct, message_id: answer.body.id, type: 'structured', preview: '[structured]' },
      }),
      expect.objectContaining({
        id: opener.body.id,
        metadata: {
          ...direct,
          message_id: opener.body.id,
          type: 'text',
          preview: expect.stringMatching(/^long .{134}…$/) as string,
        },
      }),
    ]);
    for (const off of ['', 'include_messages=false', 'include_messages=0']) {
      expect((await eventsOf(owner, agent, off)).events).toHaveLength(3);
    }
    const paged: Parsed[] = [];
    let before: string | null = '';
    while (before !== null) {
      const query = `include_messages=true&limit=1${before && `&before=${before}`}`;
      const page: Parsed = await eventsOf(owner, agent, query);
      paged.push(...page.events);
      before = page.next_before === null ? null : encodeURIComponent(page.next_before);
    }
    expect(paged).toEqual(events);
  });

  test('a restriction that lifts by itself, or falls, is told to open dashboards by the worker', async () => {
    const { owner, agent } = await one();
    const client = await openDashboard(stack, owner);
    await call(url(), 'POST', `/internal/agents/${agent.agent.handle}/restrict`, { key: OPS_TOKEN, body: {} });
    const [frame] = await waitFor(() => {
      const frames = framesOf(client, 'agent.changed');
      return frames.length > 0 ? frames : null;
    });
    expect(frame).toEqual({ type: 'agent.changed', agent_handle: agent.agent.handle, scopes: ['profile', 'events'] });
    client.end();
  });
});
