import { createOrders } from '../../store/nodes/orders';
import { setPause } from '../../store/accounts/set-pause';
import { createLogger } from '../../platform/logger';
import type { TestAgent } from '../support/agents';
import { presenceActions, presenceUpdates as updates } from '../support/presence';
import type { ApiChild } from '../support/stack';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';
import { useStack } from '../support/use-stack';

describe('presence when nodes come and go', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const actions = presenceActions({ database, url });

  /** A watcher on the first node and its contact on a node of its own. */
  async function onTwoNodes() {
    const { pair, save, open } = actions;
    const [watcher, subject] = await pair();
    await save(watcher, subject);
    const eye = await open(watcher);
    const node = await stack.startApi();
    const own = await SocketClient.hello(node.baseUrl, subject.apiKey, ['ack']);
    await waitFor(() => updates(eye).length === 1);
    expect(updates(eye)[0]).toMatchObject({ status: 'online' });
    return { watcher, subject, eye, node, own };
  }

  const rowOf = async (who: TestAgent) => {
    const row = await database.connections.findOne({ agentId: who.agent._id });
    if (row === null) throw new Error('a socket is not registered');
    return row;
  };
  /** As if the node had been silent for long, without waiting for it. */
  const age = (nodeId: string) =>
    database.nodes.updateOne({ _id: nodeId }, { $set: { leaseUntil: new Date(Date.now() - 120_000) } });
  const signal = (node: ApiChild, name: 'SIGSTOP' | 'SIGCONT') => process.kill(node.pid, name);

  test('a frame finds the sockets of a node that has just come', async () => {
    const { eye, node, own, subject } = await onTwoNodes();
    const { save } = actions;
    const [watched] = await actions.pair();
    await save(subject, watched);
    await actions.set(watched, { status: 'busy' });
    await waitFor(() => updates(own).length === 1);
    for (const client of [eye, own]) client.end();
    await stack.kill(node);
  });

  test('a node that is shut down takes its agents offline, then closes their sockets with 1001', async () => {
    const { eye, node, own, subject } = await onTwoNodes();
    await stack.terminate(node);
    await waitFor(() => updates(eye).length === 2);
    expect(updates(eye)[1]).toEqual({ handle: subject.agent.handle, status: 'offline', custom_message: null });
    expect(await own.untilClosed()).toEqual({ code: 1001, reason: 'Server shutting down' });
    expect(await actions.socketsOf(subject)).toBe(0);
    eye.end();
  });

  test('social#30: a node that is shut down leaves an agent online that has a socket elsewhere', async () => {
    const { eye, node, subject } = await onTwoNodes();
    const stays = await actions.open(subject);
    await waitFor(async () => (await database.presences.findOne({ _id: subject.agent._id }))?.sockets.length === 2);
    await stack.terminate(node);
    await actions.settle(eye, subject);
    expect(updates(eye).map(({ status }) => status)).toEqual(['online', 'busy']);
    stays.end();
    await waitFor(() => updates(eye).at(-1)?.status === 'offline');
    eye.end();
  });

  test('a node killed with SIGKILL leaves no ghost: its agents go offline with one broadcast, its rows go', async () => {
    const { eye, node, subject } = await onTwoNodes();
    const { nodeId } = await rowOf(subject);
    await stack.kill(node);
    await age(nodeId);
    await waitFor(() => updates(eye).length === 2);
    await waitFor(async () => (await database.nodes.countDocuments({ _id: nodeId })) === 0);
    expect(await actions.socketsOf(subject)).toBe(0);
    await actions.settle(eye, subject);
    expect(updates(eye).map(({ status }) => status)).toEqual(['online', 'offline', 'busy']);
    eye.end();
  });

  test('social#30: an agent that came back elsewhere after a SIGKILL stays online until its last close', async () => {
    const { eye, node, subject } = await onTwoNodes();
    const { nodeId } = await rowOf(subject);
    await stack.kill(node);
    const again = await actions.open(subject);
    await age(nodeId);
    await waitFor(async () => (await database.nodes.countDocuments({ _id: nodeId })) === 0);
    await actions.settle(eye, subject);
    expect(updates(eye).map(({ status }) => status)).toEqual(['online', 'busy']);
    again.end();
    await waitFor(() => updates(eye).at(-1)?.status === 'offline');
    eye.end();
  });

  test('a node that was only frozen registers its sockets again: presence, frames and orders find them', async () => {
    const { watcher, eye, node, own, subject } = await onTwoNodes();
    const before = await rowOf(subject);
    signal(node, 'SIGSTOP');
    try {
      await age(before.nodeId);
      await waitFor(() => updates(eye).at(-1)?.status === 'offline');
      await waitFor(async () => (await actions.socketsOf(subject)) === 0);
    } finally {
      signal(node, 'SIGCONT');
    }
    await waitFor(() => updates(eye).at(-1)?.status === 'online');
    expect((await rowOf(subject))._id).toBe(before._id);
    await actions.save(subject, watcher);
    await actions.settle(own, watcher);
    const orders = createOrders({ database, log: createLogger('test', 'silent') });
    await setPause(database, subject.agent._id, 'full', new Date());
    await orders.give({ kind: 'recheck', agentId: subject.agent._id });
    await orders.give({ kind: 'close', agentId: subject.agent._id, code: 1008, reason: 'Account suspended' });
    expect((await own.untilClosed(2_000)).code).toBe(1008);
    eye.end();
    await stack.kill(node);
  });
});
