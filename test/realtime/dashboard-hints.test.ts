import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { codeFor } from '../support/codes';
import { groupCalls } from '../support/groups';
import { findLeased } from '../../store/nodes/lease';
import { claim, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { framesOf, openDashboard, ownerOf, view } from '../support/watch';
import { SocketClient } from './socket-client';

/** What an open pane would otherwise go on showing although it is not so any more. */
describe('hints and goodbyes of dashboards', () => {
  const { stack, database, url } = useStack({ apis: 2 });
  const as = (who: TestAgent, method: string, path: string, body?: unknown) =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  const one = async () => {
    const { owner, agents } = await ownerOf(stack, database);
    return { owner, agent: agents[0] as TestAgent };
  };
  /** Does `work` and waits until a dashboard on the other node heard that `scope` of the agent changed. */
  async function expectHint(client: SocketClient, agent: TestAgent, scope: string, work: () => Promise<unknown>) {
    const before = client.frames.length;
    await work();
    const about = () =>
      client.frames
        .slice(before)
        .filter((frame: Parsed) => frame.type === 'agent.changed' && frame.scopes.includes(scope));
    await waitFor(() => about().length > 0, { describe: `a hint about ${scope}` });
    expect(about()[0]).toMatchObject({ agent_handle: agent.agent.handle });
  }

  /** What the agent wrote is read by the other side: the thread shows it. */
  async function readByPeer(peer: TestAgent, conversationId: string): Promise<void> {
    const [newest] = (await as(peer, 'GET', `/v1/messages/${conversationId}`)).body;
    expect((await as(peer, 'POST', `/v1/messages/${newest.id}/read`)).status).toBe(200);
  }

  test('whatever a pane shows is told when it changes, on every node', async () => {
    const { owner, agent } = await one();
    const peer = await createTestAgent(database);
    const opener = await as(peer, 'POST', '/v1/messages', {
      to: agent.agent.handle,
      client_msg_id: 'h1',
      content: 'hi',
    });
    const client = await openDashboard(stack, owner, 1);
    const path = `/v1/contacts/${peer.agent.handle}`;
    const steps: [string, () => Promise<unknown>][] = [
      ['profile', () => as(agent, 'PATCH', `/v1/agents/${agent.agent.handle}`, { display_name: 'New' })],
      ['contacts', () => as(agent, 'POST', '/v1/contacts', { handle: peer.agent.handle })],
      [
        'contacts',
        () => as(agent, 'POST', '/v1/messages', { to: peer.agent.handle, client_msg_id: 'h2', content: 'hi' }),
      ],
      ['blocks', () => as(agent, 'POST', `${path}/block`)],
      ['events', () => as(agent, 'DELETE', `${path}/block`)],
      [
        'conversations',
        () => as(agent, 'POST', '/v1/mutes', { target_kind: 'agent', target_handle: peer.agent.handle }),
      ],
      ['messages', () => as(agent, 'POST', `/v1/messages/${opener.body.id}/read`)],
      ['messages', () => readByPeer(peer, opener.body.conversation_id)],
      ['conversations', () => as(agent, 'DELETE', `/v1/conversations/${opener.body.conversation_id}`)],
      ['presence', () => as(agent, 'PUT', '/v1/presence', { status: 'busy' })],
      ['pause', () => owner.call('POST', `/dashboard/agents/${agent.agent.handle}/pause`, { body: { mode: 'send' } })],
      ['events', () => owner.call('POST', `/dashboard/agents/${agent.agent.handle}/unpause`)],
      ['conversations', () => as(agent, 'POST', '/v1/groups', { name: 'desk' })],
    ];
    for (const [scope, work] of steps) await expectHint(client, agent, scope, work);
    const other = await signInOwner(stack);
    await expectHint(client, agent, 'events', () =>
      other.call('POST', '/dashboard/agents/claim', { body: { api_key: agent.apiKey } }),
    );
    client.end();
  });

  test('who is removed from a group by somebody else is told, too', async () => {
    const { owner, agent } = await one();
    const creator = await createTestAgent(database);
    const { groupOf, remove } = groupCalls(stack, database);
    const groupId = await groupOf(creator, agent);
    const client = await openDashboard(stack, owner, 1);
    await expectHint(client, agent, 'conversations', () => remove(creator, groupId, agent));
    expect(framesOf(client, 'agent.changed')[0]).toMatchObject({ conversation_id: groupId });
    client.end();
  });

  test('at most one hint per agent in half a second, with all that changed; the last change is never lost', async () => {
    const { owner, agent } = await one();
    const client = await openDashboard(stack, owner, 1);
    const atMs: number[] = [];
    client.socket.on('message', (data) => {
      if (String(data).includes('"agent.changed"')) atMs.push(performance.now());
    });
    for (let index = 0; index < 40; index += 1) {
      await as(agent, 'PATCH', `/v1/agents/${agent.agent.handle}`, { display_name: `n${index}` });
      await as(agent, 'PUT', '/v1/presence', { status: index % 2 === 0 ? 'busy' : 'online' });
    }
    const sent = framesOf(client, 'agent.changed').length;
    await as(agent, 'POST', '/v1/contacts', { handle: (await createTestAgent(database)).agent.handle });
    await waitFor(() =>
      framesOf(client, 'agent.changed')
        .slice(sent)
        .some(({ scopes }) => scopes.includes('contacts')),
    );
    const gaps = atMs.slice(1).map((ms, index) => ms - (atMs[index] ?? 0));
    // Frames leave half a second apart, late as each one may come in; every change for itself would be some ms.
    expect(atMs.length).toBeGreaterThan(1);
    const spanMs = (atMs.at(-1) ?? 0) - (atMs[0] ?? 0);
    expect([gaps, spanMs / gaps.length > 250]).toEqual([gaps, true]);
    client.end();
  });

  test('an agent without an owner, and another owner’s, is no business of a dashboard', async () => {
    const [{ owner, agent }, theirs] = [await one(), await one()];
    const free = await createTestAgent(database);
    const client = await openDashboard(stack, owner, 1);
    for (const who of [free, theirs.agent])
      await as(who, 'PATCH', `/v1/agents/${who.agent.handle}`, { display_name: 'x' });
    await expectHint(client, agent, 'profile', () =>
      as(agent, 'PATCH', `/v1/agents/${agent.agent.handle}`, { display_name: 'y' }),
    );
    expect(client.frames.map((frame: Parsed) => frame.agent_handle).filter(Boolean)).toEqual([agent.agent.handle]);
    client.end();
  });

  test('dashboard#12: a new key takes the agent off every dashboard before its answer', async () => {
    const { owner, agent } = await one();
    const clients = [await openDashboard(stack, owner, 0), await openDashboard(stack, owner, 1)];
    const { handle, email } = agent.agent;
    const started = await as(agent, 'POST', `/v1/agents/${handle}/rotate-key`);
    const code = await codeFor(stack, email);
    const body = { pending_id: started.body.pending_id, code };
    const swapped = await as(agent, 'POST', `/v1/agents/${handle}/rotate-key/verify`, body);
    expect(swapped.status).toBe(200);
    const removed = { type: 'agent.removed', agent_handle: handle, reason: 'key_rotated' };
    for (const client of clients) {
      await waitFor(() => framesOf(client, 'agent.removed').length > 0);
      expect(framesOf(client, 'agent.removed')).toEqual([removed]);
    }
    expect((await view(owner, agent, 'conversations')).status).toBe(404);
    const peer = await createTestAgent(database);
    await as(peer, 'POST', '/v1/messages', { to: handle, client_msg_id: 'r1', content: 'not for the former owner' });
    const kept = await createTestAgent(database);
    await claim(owner, kept);
    await as(peer, 'POST', '/v1/messages', { to: kept.agent.handle, client_msg_id: 'r2', content: 'for the owner' });
    for (const client of clients) {
      await waitFor(() => framesOf(client, 'message.new').length > 0);
      expect(framesOf(client, 'message.new').map(({ payload }) => payload.content.text)).toEqual(['for the owner']);
      client.end();
    }
  });

  test('a release in another tab and the end of an account are told with their reason', async () => {
    const { owner, agents } = await ownerOf(stack, database, 2);
    const [released, deleted] = agents as [TestAgent, TestAgent];
    const clients = [await openDashboard(stack, owner, 0), await openDashboard(stack, owner, 1)];
    await owner.call('DELETE', `/dashboard/agents/${released.agent.handle}`);
    await as(deleted, 'DELETE', `/v1/agents/${deleted.agent.handle}`);
    for (const client of clients) {
      await waitFor(() => framesOf(client, 'agent.removed').length === 2);
      expect(framesOf(client, 'agent.removed').map(({ agent_handle, reason }) => [agent_handle, reason])).toEqual([
        [released.agent.handle, 'released'],
        [deleted.agent.handle, 'deleted'],
      ]);
      client.end();
    }
  });

  test.each([
    ['lapses while it is waited for', false],
    ['has lapsed before', true],
  ])('an agent that is released goes off a node whose lease %s, once, when that is back', async (_, isBefore) => {
    const { owner, agent } = await one();
    const node = await stack.startApi();
    const client = await openDashboard(stack, owner, stack.baseUrls.length - 1);
    // The parse point of the first frame.
    const ownerId = String((client.frames[0] as Parsed).owner_id);
    const { nodeId } = (await database.connections.findOne({ agentId: ownerId })) ?? {};
    process.kill(node.pid, 'SIGSTOP');
    try {
      if (isBefore) await waitFor(async () => (await findLeased(database, [String(nodeId)])).length === 0);
      expect((await owner.call('DELETE', `/dashboard/agents/${agent.agent.handle}`)).status).toBe(200);
    } finally {
      process.kill(node.pid, 'SIGCONT');
    }
    await waitFor(() => framesOf(client, 'agent.removed').length > 0);
    const unconfirmed = { nodeId: String(nodeId), kind: 'order', confirmedAt: null };
    await waitFor(async () => (await database.bus.countDocuments(unconfirmed)) === 0);
    expect(framesOf(client, 'agent.removed')).toEqual([
      { type: 'agent.removed', agent_handle: agent.agent.handle, reason: 'released' },
    ]);
    client.end();
    await stack.kill(node);
  });

  test('dashboard#5: signing out closes the dashboards of that browser, signing out everywhere all of them', async () => {
    const here = await signInOwner(stack);
    const there = await signInOwner(stack, here.email);
    const open = async (owner: typeof here) => [
      await openDashboard(stack, owner, 0),
      await openDashboard(stack, owner, 1),
    ];
    const [own, others] = [await open(here), await open(there)];
    expect((await here.call('POST', '/dashboard/auth/logout')).status).toBe(200);
    const signedOut = { code: 1008, reason: 'Signed out' };
    for (const client of own) expect(await client.untilClosed()).toEqual(signedOut);
    expect(others.map(({ closed }) => closed)).toEqual([null, null]);
    const third = await signInOwner(stack, here.email);
    const { body } = await there.call('POST', '/dashboard/ws/ticket', { node: 1 });
    expect((await third.call('POST', '/dashboard/auth/logout/all')).body).toMatchObject({ sessions_revoked: 2 });
    for (const client of others) expect(await client.untilClosed()).toEqual(signedOut);
    const late = await SocketClient.open(url(), `/v1/ws/dashboard?ticket=${body.ticket}`);
    expect([await late.untilClosed(), late.frames]).toEqual([{ code: 1008, reason: 'Invalid ticket' }, []]);
    expect((await there.call('POST', '/dashboard/ws/ticket')).status).toBe(401);
  });
});
