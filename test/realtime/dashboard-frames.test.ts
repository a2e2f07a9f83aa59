import { BACKLOG_MAX } from '../../contract/limits';
import { createLogger } from '../../platform/logger';
import { releaseClaim } from '../../store/accounts/claims';
import { createOrders } from '../../store/nodes/orders';
import { setPause } from '../../store/accounts/set-pause';
import { createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { claim, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { framesOf, openDashboard, ownerOf, untilShown, view } from '../support/watch';
import type { SocketClient } from './socket-client';
import { pretendBacklog } from '../support/backlog';

/**
 * Frames are for people who look on: wrong ones show strangers' messages, missing ones an agent that seems silent. The
 * sends go to one node, the dashboards are on both.
 */
describe('message frames of dashboards', () => {
  const { stack, database } = useStack({ apis: 2, workers: 0 });
  const groups = () => groupCalls(stack, database);
  let made = 0;
  const write = (from: TestAgent, to: TestAgent, id = `f-${(made += 1)}`) =>
    groups().as(from, 'POST', '/v1/messages', {
      body: { to: to.agent.handle, client_msg_id: id, content: `text ${id}` },
    });
  const bothNodes = (owner: Parameters<typeof openDashboard>[1]) =>
    Promise.all([openDashboard(stack, owner, 0), openDashboard(stack, owner, 1)]);
  const shape = (frames: Parsed[]) =>
    frames.map(({ agent_handle, payload }) => [agent_handle, payload.is_own, payload.seq]);
  const end = (...clients: SocketClient[]): void => clients.forEach((client) => client.end());
  /** A message whose frame comes after whatever else is on its way: both tabs have seen everything before it. */
  const settle = async (clients: SocketClient[], agent: TestAgent): Promise<void> => {
    const probe = await write(await createTestAgent(database), agent);
    for (const client of clients) {
      await waitFor(() => framesOf(client, 'message.new').some(({ payload }) => payload.id === probe.body.id));
    }
  };

  test('dashboard#15: both sides are one owner’s: two frames in every tab on every node, the sender’s first', async () => {
    const { owner, agents } = await ownerOf(stack, database, 2);
    const [a, b] = agents as [TestAgent, TestAgent];
    await database.agents.updateOne({ _id: a.agent._id }, { $set: { avatarKey: 'a.webp' } });
    const clients = await bothNodes(owner);
    const sent = await write(a, b);
    for (const client of clients) {
      const frames = await untilShown(client, 2);
      expect(shape(frames)).toEqual([
        [a.agent.handle, true, 1],
        [b.agent.handle, false, 1],
      ]);
      const [own, received] = frames;
      const shown = (await view(owner, b, `messages?conversation_id=${sent.body.conversation_id}`)).body.messages[0];
      expect(received).toEqual({
        type: 'message.new',
        agent_handle: b.agent.handle,
        conversation_id: sent.body.conversation_id,
        payload: shown,
      });
      expect(received.payload).toMatchObject({
        id: sent.body.id,
        sender_handle: a.agent.handle,
        sender_avatar_url: expect.stringMatching(/\/avatars\/a\.webp$/) as string,
        status: 'stored',
        delivered_at: null,
        read_at: null,
      });
      expect(own.payload).toMatchObject({ sender_handle: null, sender_display_name: null, delivery_id: null });
    }
    await settle(clients, a);
    for (const client of clients) expect(framesOf(client, 'message.new')).toHaveLength(3);
    end(...clients);
  });

  test('dashboard#15: two owners get one frame each; nobody else gets any', async () => {
    const [one, other, third] = [
      await ownerOf(stack, database),
      await ownerOf(stack, database),
      await ownerOf(stack, database),
    ];
    const [a, b, c] = [one, other, third].map(({ agents }) => agents[0]) as [TestAgent, TestAgent, TestAgent];
    const clients = await Promise.all(
      [one, other, third].map(({ owner }, index) => openDashboard(stack, owner, index % 2)),
    );
    await write(a, b);
    expect(shape(await untilShown(clients[0] as SocketClient, 1))).toEqual([[a.agent.handle, true, 1]]);
    expect(shape(await untilShown(clients[1] as SocketClient, 1))).toEqual([[b.agent.handle, false, 1]]);
    await settle([clients[2] as SocketClient], c);
    expect(framesOf(clients[2] as SocketClient, 'message.new')).toHaveLength(1);
    end(...clients);
  });

  test('dashboard#15: a group message is shown to the owner of each claimed member that got it', async () => {
    const { owner, agents } = await ownerOf(stack, database, 3);
    const [a, b, full] = agents;
    const unclaimed = await createTestAgent(database);
    const { groupOf, send } = groups();
    const groupId = await groupOf(unclaimed, a, b, full);
    await pretendBacklog(database, full.agent._id, BACKLOG_MAX);
    const clients = await bothNodes(owner);
    const byStranger = await send(unclaimed, groupId, 'from outside');
    expect(byStranger.body.skipped_recipients).toEqual([full.agent.handle]);
    await send(a, groupId, 'from inside');
    for (const client of clients) {
      const frames = await untilShown(client, 4);
      const { seq } = byStranger.body;
      expect(shape(frames)).toEqual([
        [a.agent.handle, false, seq],
        [b.agent.handle, false, seq],
        [a.agent.handle, true, seq + 1],
        [b.agent.handle, false, seq + 1],
      ]);
    }
    end(...clients);
  });

  test('dashboard#15: a group’s only sender is shown its own message, and system messages are frames too', async () => {
    const { owner, agents } = await ownerOf(stack, database);
    const [a] = agents as [TestAgent];
    const { groupOf, send, as } = groups();
    const groupId = await groupOf(a);
    const client = await openDashboard(stack, owner, 1);
    await send(a, groupId, 'alone');
    await as(a, 'PATCH', `/v1/groups/${groupId}`, { body: { name: 'renamed' } });
    const frames = await untilShown(client, 2);
    expect(frames.map(({ payload }) => [payload.type, payload.is_own])).toEqual([
      ['text', true],
      ['system', true],
    ]);
    end(client);
  });

  test('dashboard#15: messages of muted and fully paused agents are shown live, and stay undelivered', async () => {
    const { owner, agents } = await ownerOf(stack, database);
    const [a] = agents as [TestAgent];
    const peer = await createTestAgent(database);
    await write(a, peer);
    await groups().as(a, 'POST', '/v1/mutes', { body: { target_kind: 'agent', target_handle: peer.agent.handle } });
    await setPause(database, a.agent._id, 'full', new Date());
    const client = await openDashboard(stack, owner, 1);
    const sent = await write(peer, a);
    const [frame] = await untilShown(client, 1);
    expect(frame.payload).toMatchObject({ id: sent.body.id, is_own: false, status: 'stored' });
    const envelopes = await database.envelopes.find({ recipientId: a.agent._id }).toArray();
    expect(envelopes.map(({ status }) => status)).toEqual(['stored']);
    end(client);
  });

  test('dashboard#15: a replay is shown to nobody', async () => {
    const { owner, agents } = await ownerOf(stack, database, 2);
    const [a, b] = agents as [TestAgent, TestAgent];
    const client = await openDashboard(stack, owner);
    expect((await write(a, b, 'same')).status).toBe(201);
    expect((await write(a, b, 'same')).status).toBe(200);
    const many = await Promise.all(Array.from({ length: 8 }, () => write(b, a, 'at once')));
    expect(many.filter(({ status }) => status === 201)).toHaveLength(1);
    await settle([client], a);
    expect(framesOf(client, 'message.new')).toHaveLength(5);
    end(client);
  });

  test('dashboard#12: an owner who released an agent sees nothing of what is stored afterwards', async () => {
    const { owner, agents } = await ownerOf(stack, database, 2);
    const [a, kept] = agents as [TestAgent, TestAgent];
    const clients = await bothNodes(owner);
    const orders = createOrders({ database, log: createLogger('test', 'silent') });
    const { _id: agentId, handle: agentHandle } = a.agent;
    await releaseClaim(database, { agentId, ownerId: owner.id, at: new Date() });
    await orders.give({ kind: 'unwatch', ownerId: owner.id, agentId, agentHandle, reason: 'released' });
    await write(await createTestAgent(database), a);
    await settle(clients, kept);
    for (const client of clients) {
      expect(framesOf(client, 'agent.removed')).toEqual([
        { type: 'agent.removed', agent_handle: agentHandle, reason: 'released' },
      ]);
      expect(shape(framesOf(client, 'message.new')).map(([handle]) => handle)).toEqual([kept.agent.handle]);
    }
    // Whoever claims it next is told from then on.
    const next = await signInOwner(stack);
    await claim(next, a);
    const theirs = await openDashboard(stack, next, 1);
    await write(await createTestAgent(database), a);
    await untilShown(theirs, 1);
    end(theirs, ...clients);
  });

  test('many sends at once through both nodes: every message is shown once per side in every tab', async () => {
    const { owner, agents } = await ownerOf(stack, database, 3);
    const [a, b, c] = agents as [TestAgent, TestAgent, TestAgent];
    const pairs: [TestAgent, TestAgent][] = [
      [a, b],
      [b, a],
      [b, c],
      [c, b],
    ];
    for (const [from, to] of pairs) await write(from, to);
    const clients = await bothNodes(owner);
    const sends = pairs.flatMap(([from, to], index) =>
      Array.from({ length: 15 }, (_, n) =>
        groups().as(from, 'POST', '/v1/messages', {
          node: index % 2,
          body: { to: to.agent.handle, client_msg_id: `many-${index}-${n}`, content: 'x' },
        }),
      ),
    );
    const ids = (await Promise.all(sends)).map(({ status, body }) => (status === 201 ? String(body.id) : status));
    for (const client of clients) {
      const frames = await untilShown(client, ids.length * 2);
      expect(frames).toHaveLength(ids.length * 2);
      for (const isOwn of [true, false]) {
        const side = frames.filter(({ payload }) => payload.is_own === isOwn).map(({ payload }) => payload.id);
        expect([...side].sort()).toEqual([...ids].sort());
      }
    }
    end(...clients);
  });
});
