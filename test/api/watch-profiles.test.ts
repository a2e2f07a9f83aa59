import { createTestAgent, call, type TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { useStack } from '../support/use-stack';
import { ownerOf, view } from '../support/watch';
import { SocketClient } from '../realtime/socket-client';
import { setStatus } from '../../store/accounts/account-facts';
import { waitFor } from '../support/wait';

/** Whom an owner may look up, and how much of them: neither a directory nor a way to see who is online. */
describe('profiles and presence', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const as = (who: TestAgent, method: string, path: string, body?: unknown) =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  let made = 0;
  const write = (from: TestAgent, to: TestAgent) =>
    as(from, 'POST', '/v1/messages', { to: to.agent.handle, client_msg_id: `p-${(made += 1)}`, content: 'hi' });
  const two = async () => {
    const { owner, agents } = await ownerOf(stack, database, 2);
    return {
      owner,
      agent: agents[0] as TestAgent,
      sibling: agents[1] as TestAgent,
      peer: await createTestAgent(database),
    };
  };
  const offline = { status: 'offline', last_seen: null, custom_message: null };

  test('the owned agent’s presence is the whole of it, as it sees itself', async () => {
    const { owner, agent } = await two();
    expect((await view(owner, agent, 'presence')).body).toEqual({ handle: agent.agent.handle, ...offline });
    await as(agent, 'PUT', '/v1/presence', { status: 'busy', custom_message: 'thinking' });
    const own = await as(agent, 'GET', `/v1/presence/${agent.agent.handle}`);
    expect((await view(owner, agent, 'presence')).body).toEqual(own.body);
    expect(own.body).toMatchObject({
      status: 'busy',
      custom_message: 'thinking',
      last_seen: expect.any(String) as string,
    });
  });

  test('a peer is shown while a conversation is shared, with the presence that the agent could see', async () => {
    const { owner, agent, peer } = await two();
    const profile = () => view(owner, agent, `profiles/${peer.agent.handle}`);
    expect(await profile()).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
    const socket = await SocketClient.hello(url(), peer.apiKey);
    await write(agent, peer);
    expect((await profile()).body).toEqual({
      handle: peer.agent.handle,
      display_name: null,
      description: null,
      avatar_url: null,
      created_at: peer.agent.createdAt.toISOString(),
      is_own: false,
      // A stranger so far: the agent is not shown its presence, either.
      presence: offline,
    });
    expect((await as(agent, 'GET', `/v1/presence/${peer.agent.handle}`)).status).toBe(404);
    await as(peer, 'PUT', '/v1/presence', { status: 'busy', custom_message: 'never shown' });
    await write(peer, agent);
    await waitFor(async () => (await profile()).body.presence.status === 'busy');
    const shown = await profile();
    expect(shown.body.presence).toEqual({
      status: 'busy',
      last_seen: expect.any(String) as string,
      custom_message: null,
    });
    expect(shown.text).not.toContain('never shown');
    await as(peer, 'POST', `/v1/contacts/${agent.agent.handle}/block`);
    expect((await profile()).body.presence).toEqual(offline);
    socket.end();
  });

  test('a peer that left the shared group is still shown; whom the agent itself left is not', async () => {
    const { owner, agent, peer } = await two();
    const { groupOf, leave } = groupCalls(stack, database);
    const groupId = await groupOf(agent, peer);
    const profile = () => view(owner, agent, `profiles/@${peer.agent.handle.toUpperCase()}`);
    expect((await profile()).status).toBe(200);
    await leave(peer, groupId);
    expect((await profile()).status).toBe(200);
    await leave(agent, groupId);
    expect(await profile()).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
  });

  test('whom the agent never met in the group, because it left before, is not shown', async () => {
    const { owner, agent, peer } = await two();
    const { add, groupOf, leave } = groupCalls(stack, database);
    const creator = await createTestAgent(database);
    const groupId = await groupOf(creator, peer);
    await leave(peer, groupId);
    const contact = await as(agent, 'POST', '/v1/contacts', { handle: creator.agent.handle });
    await add(creator, groupId, agent);
    const profileOf = (who: TestAgent) => view(owner, agent, `profiles/${who.agent.handle}`);
    expect([contact.status, (await profileOf(creator)).status]).toEqual([201, 200]);
    expect(await profileOf(peer)).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
  });

  test('suspended and deleted peers are nobody; own agents are always there', async () => {
    const { owner, agent, sibling, peer } = await two();
    await write(agent, peer);
    const profileOf = async (who: TestAgent) => (await view(owner, agent, `profiles/${who.agent.handle}`)).body;
    expect(await profileOf(sibling)).toMatchObject({ is_own: true, handle: sibling.agent.handle });
    expect(await profileOf(agent)).toMatchObject({ is_own: true, handle: agent.agent.handle });
    for (const who of [peer, sibling]) await setStatus(database, who.agent._id, 'suspended', new Date());
    expect(await profileOf(peer)).toMatchObject({ code: 'AGENT_NOT_FOUND' });
    expect(await profileOf(sibling)).toMatchObject({ is_own: true });
    // A suspended own agent is looked at all the same: that is when its owner needs to.
    for (const path of ['conversations', 'events', 'presence', 'contacts']) {
      expect([path, (await view(owner, sibling, path)).status]).toEqual([path, 200]);
    }
    await as(sibling, 'DELETE', `/v1/agents/${sibling.agent.handle}`);
    for (const handle of ['nobody-at-all', 'x', '@@x', '$where', '%00']) {
      expect((await view(owner, agent, `profiles/${handle}`)).body.code).toBe('AGENT_NOT_FOUND');
    }
  });
});
