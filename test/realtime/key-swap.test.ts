import { setPause } from '../../store/accounts/set-pause';
import { codeFlowId } from '../../workflows/messages/code-by-mail';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { codeFor } from '../support/codes';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';
import { useStack } from '../support/use-stack';

describe('a key that is swapped on one of two nodes', () => {
  const { stack, database, client: temporal, url } = useStack({ apis: 2 });

  const me = (key: string, node: number) => call(url(node), 'GET', '/v1/agents/me', { key });
  const send = (key: string, to: TestAgent, id: string, node: number) =>
    call(url(node), 'POST', '/v1/messages', {
      key,
      body: { to: to.agent.handle, client_msg_id: id, content: { text: id } },
    });

  /** Starts a rotation or recovery; returns its pending and a way to finish it. */
  async function begin(flow: 'rotation' | 'recovery', { agent, apiKey }: TestAgent) {
    const [path, options] =
      flow === 'rotation'
        ? [`/v1/agents/${agent.handle}/rotate-key`, { key: apiKey }]
        : ['/v1/agents/recover', { body: { email: agent.email } }];
    const { body } = await call(url(0), 'POST', path, options);
    const code = await codeFor(stack, agent.email);
    const finish = (): Promise<CallAnswer> =>
      call(url(0), 'POST', `${path}/verify`, { ...options, body: { pending_id: body.pending_id, code } });
    const result = () => temporal.workflow.getHandle(codeFlowId(flow, body.pending_id)).result();
    return { finish, result };
  }

  test.each(['rotation', 'recovery'] as const)(
    'identity#17, realtime#17: after a %s the old key is 401 on both nodes and its sockets got 1008',
    async (flow) => {
      const one = await createTestAgent(database);
      await setPause(database, one.agent._id, 'send', new Date());
      const sockets = await Promise.all([0, 1, 1].map((node) => SocketClient.hello(url(node), one.apiKey, ['ack'])));
      const { finish, result } = await begin(flow, one);
      const swapped = await finish();
      expect(swapped.status).toBe(200);
      const key = swapped.body.api_key;
      for (const node of [0, 1]) {
        expect((await me(one.apiKey, node)).status).toBe(401);
        expect((await me(key, node)).body).toMatchObject({ paused_by_owner: 'none' });
        expect((await SocketClient.hello(url(node), one.apiKey)).frames).toEqual([]);
      }
      for (const socket of sockets) {
        expect(await socket.untilClosed(2_000)).toEqual({ code: 1008, reason: 'API key rotated' });
      }
      // The flow gives the order once more: sockets of the new key stay.
      const again = await SocketClient.hello(url(1), key, ['ack']);
      expect(await result()).toEqual({ outcome: 'verified', attempts: 1 });
      again.send({ type: 'ping' });
      await waitFor(() => again.frames.at(-1)?.type === 'pong');
      expect(again.closed).toBeNull();
      again.end();
    },
  );

  test('under load, nothing that was sent with the old key after the answer is accepted', async () => {
    const [one, peer] = [await createTestAgent(database), await createTestAgent(database)];
    await send(peer.apiKey, one, 'open', 0);
    await send(one.apiKey, peer, 'reply', 0);
    const { finish } = await begin('rotation', one);
    const sockets = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), one.apiKey, ['ack'])));
    let answeredAtMs = Number.POSITIVE_INFINITY;
    let lateSends = 0;
    const accepted: number[] = [];
    const loops = [0, 1, 0, 1].map(async (node, lane) => {
      for (let index = 0; lateSends < 20 && index < 3_000; index += 1) {
        const startedMs = performance.now();
        const fromOne = await send(one.apiKey, peer, `one-${lane}-${index}`, node);
        if (startedMs > answeredAtMs) lateSends += 1;
        if (startedMs > answeredAtMs && fromOne.status !== 401) accepted.push(fromOne.status);
        await send(peer.apiKey, one, `peer-${lane}-${index}`, node);
      }
    });
    for (const socket of sockets) await socket.untilMessages(10);
    const startedMs = performance.now();
    const swapped = await finish();
    answeredAtMs = performance.now();
    expect(swapped.status).toBe(200);
    for (const socket of sockets) expect((await socket.untilClosed(2_000)).code).toBe(1008);
    const seen = sockets.map((socket) => socket.messages().length);
    await Promise.all(loops);
    expect(lateSends).toBeGreaterThanOrEqual(20);
    expect(accepted).toEqual([]);
    expect(sockets.map((socket) => socket.messages().length)).toEqual(seen);
    // One of its own waits for its turn among the sends, each of which writes the guard that it writes.
    expect(answeredAtMs - startedMs).toBeLessThan(10_000);
  });

  test('the api died between swap and order: the relay tells the flow, and the flow closes the sockets', async () => {
    const one = await createTestAgent(database);
    const { finish, result } = await begin('recovery', one);
    const socket = await SocketClient.hello(url(1), one.apiKey, ['ack']);
    const [first] = stack.apis;
    if (first === undefined) throw new Error('no api');
    // Its answer never comes: it is killed as soon as the new key is there.
    const answer = finish().catch(() => null);
    await waitFor(async () => (await database.agents.findOne({ _id: one.agent._id, keyVersion: 2 })) ?? false, {
      intervalMs: 1,
    });
    await stack.kill(first);
    await answer;
    expect(await socket.untilClosed()).toEqual({ code: 1008, reason: 'API key rotated' });
    expect(await result()).toMatchObject({ outcome: 'verified' });
    await waitFor(async () => (await database.outbox.countDocuments({ kind: 'flow.committed' })) === 0);
    await stack.startApi();
  });
});
