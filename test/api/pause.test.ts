import type { PauseMode } from '../../domain/guards';
import { inboxInId } from '../../domain/guards';
import { setStatus } from '../../store/accounts/account-facts';
import type { TestAgent } from '../support/agents';
import { codeFor } from '../support/codes';
import { groupCalls } from '../support/groups';
import { claim, signInOwner } from '../support/owners';
import { pausingOwner, positionsOf, sequence } from '../support/releases';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from '../realtime/socket-client';

/** dashboard.md §8.1, §8.6, §8.7: the owner's switch, and what ends a pause without one. */
describe('pause and unpause', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const api = () => groupCalls(stack, database);
  const idOf = (who: TestAgent): string => who.agent._id;
  const pathOf = (who: TestAgent): string => `/dashboard/agents/${who.agent.handle}`;
  const eventsOf = async (who: TestAgent) =>
    (
      await database.auditEvents
        .find({ targetId: idOf(who), action: { $in: ['agent.paused', 'agent.unpaused'] } })
        .sort({ createdAt: 1 })
        .toArray()
    ).map(({ action, actorType, metadata }) => [action, actorType, metadata]);
  const stateOf = async (who: TestAgent) => {
    const agent = await database.agents.findOne({ _id: idOf(who) });
    const guards = await database.guards
      .find({ _id: { $in: [`sender:${idOf(who)}`, inboxInId(idOf(who))] } })
      .toArray();
    const modes = [agent, ...guards].map((row) => (row as { pausedByOwner: PauseMode }).pausedByOwner);
    return { modes, epoch: agent?.pauseEpoch ?? 0, at: agent?.pauseChangedAt ?? null };
  };
  let sent = 0;
  const send = (by: TestAgent, to: TestAgent, node = 0) =>
    api().as(by, 'POST', '/v1/messages', {
      node,
      body: { to: to.agent.handle, client_msg_id: `p-${(sent += 1)}`, content: { text: 'x' } },
    });
  async function friends(): Promise<[TestAgent, TestAgent]> {
    const [a, b] = await api().two();
    await send(a, b);
    await send(b, a);
    await api().drain(b);
    return [a, b];
  }

  test('a pause is in force on every node with its answer, and leaves one epoch and one event', async () => {
    const [a, b] = await friends();
    const { owner, set } = await pausingOwner(stack, b);
    const modes: PauseMode[] = ['send', 'full', 'send', 'none', 'full', 'none'];
    for (const [index, mode] of modes.entries()) {
      for (let repeat = 0; repeat < 2; repeat += 1) {
        const answer = await set(b, mode, (index + repeat) % 2);
        expect(answer.body).toEqual({ handle: b.agent.handle, paused_by_owner: mode });
        for (const node of [0, 1]) {
          expect((await api().as(b, 'GET', '/v1/agents/me', { node })).body.paused_by_owner).toBe(mode);
          expect((await send(b, a, node)).status).toBe(mode === 'none' ? 201 : 403);
        }
        const { modes: all, epoch, at } = await stateOf(b);
        expect([all, epoch]).toEqual([[mode, mode, mode], index + 1]);
        expect(at).not.toBeNull();
      }
    }
    expect(await eventsOf(b)).toEqual(
      modes.map((mode) => (mode === 'none' ? ['agent.unpaused', 'owner', {}] : ['agent.paused', 'owner', { mode }])),
    );
    expect((await owner.call('GET', '/dashboard/agents')).body.agents[0].paused_by_owner).toBe('none');
  });

  test('bad bodies are 400 before ownership, strangers 404 like nobody, no session 401; nothing changes', async () => {
    const [a, b] = await friends();
    const { owner } = await pausingOwner(stack, a);
    const bad: unknown[] = [{}, { mode: 'none' }, { mode: 'FULL' }, { mode: ['full'] }, [], 'full', null];
    for (const body of bad) {
      for (const agent of [a, b]) {
        const answer = await owner.call('POST', `${pathOf(agent)}/pause`, { body });
        expect([body, answer.status, answer.body.code]).toEqual([body, 400, 'VALIDATION_ERROR']);
      }
    }
    const answers = [];
    for (const path of [pathOf(b), '/dashboard/agents/never-was-here', '/dashboard/agents/%00']) {
      answers.push(await owner.call('POST', `${path}/pause`, { body: { mode: 'full' } }));
      answers.push(await owner.call('POST', `${path}/unpause`));
    }
    for (const { status, text } of answers) expect([status, text]).toEqual([404, answers[0]?.text]);
    expect((await api().as(b, 'POST', `${pathOf(b)}/pause`, { body: { mode: 'full' } })).status).toBe(401);
    expect((await stateOf(b)).epoch).toBe(0);
    expect((await owner.call('POST', `/dashboard/agents/@${a.agent.handle.toUpperCase()}/unpause`)).status).toBe(200);
  });

  test('dashboard#26: of many pauses at once on two nodes the last one wins, and each is one event', async () => {
    const [, b] = await friends();
    const { owner, set } = await pausingOwner(stack, b);
    const flips: PauseMode[] = ['full', 'none', 'full', 'none', 'send', 'full', 'none', 'full'];
    await Promise.all(
      flips.map((mode, index) =>
        owner.call('POST', `${pathOf(b)}/${mode === 'none' ? 'unpause' : 'pause'}`, {
          node: index % 2,
          ...(mode === 'none' ? {} : { body: { mode } }),
        }),
      ),
    );
    const { modes, epoch } = await stateOf(b);
    expect(new Set(modes).size).toBe(1);
    const events = await eventsOf(b);
    expect(events).toHaveLength(epoch);
    await set(b, 'full');
    const before = (await stateOf(b)).epoch;
    const started = Date.now();
    await set(b, 'none');
    await set(b, 'none', 1);
    await set(b, 'full');
    expect(Date.now() - started).toBeLessThan(10_000);
    expect((await stateOf(b)).epoch).toBe(before + 2);
    expect((await stateOf(b)).modes).toEqual(['full', 'full', 'full']);
  });

  test('dashboard#18: after the answer to a full pause no socket on any node gets a frame but hello.ok', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    await api().saves(b, a);
    const open = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), b.apiKey, ['ack'])));
    const typist = await SocketClient.hello(url(0), a.apiKey, ['ack']);
    const presence = ({ frames }: SocketClient) => frames.filter(({ type }) => type === 'presence.update');
    // What is told without being stored must have come before the pause, or it says nothing about it.
    await waitFor(() => open.every((client) => presence(client).length === 1));
    const mine = (await send(b, a)).body;
    let isDone = false;
    let accepted = 0;
    const traffic = (async () => {
      while (!isDone) accepted += (await send(a, b, accepted % 2)).status === 201 ? 1 : 0;
    })();
    for (const client of open) await client.untilMessages(5);
    await set(b, 'full', 1);
    // Both nodes had confirmed it by the answer: they did not find out by themselves a moment later.
    const orders = await database.bus.find({ kind: 'order', agentIds: idOf(b) }).toArray();
    expect(orders.map(({ confirmedAt }) => confirmedAt !== null)).toEqual([true, true]);
    for (const client of open) await client.roundTrip();
    const counts = open.map((client) => client.frames.filter(({ type }) => type !== 'pong').length);
    const late = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    const before = accepted;
    await waitFor(() => accepted > before + 30);
    await api().as(a, 'POST', `/v1/messages/${mine.id}/read`);
    await api().as(a, 'PUT', '/v1/presence', { body: { status: 'busy' } });
    typist.send({ type: 'typing.start', payload: { conversation_id: mine.conversation_id } });
    await typist.roundTrip();
    isDone = true;
    await traffic;
    for (const client of [...open, late]) await client.roundTrip();
    expect(open.map((client) => client.frames.filter(({ type }) => type !== 'pong').length)).toEqual(counts);
    expect(late.frames.map(({ type }) => type)).toEqual(['hello.ok', 'pong']);
    await set(b, 'none');
    for (const client of [...open, late]) {
      await client.untilMessages(accepted);
      await client.roundTrip();
      expect(positionsOf(client)).toEqual(sequence(2, accepted));
      const rest = client.frames.filter(({ type }) => !['hello.ok', 'pong', 'message.new'].includes(type));
      expect(rest).toEqual(client === late ? [] : presence(client).slice(0, 1));
      client.end();
    }
    typist.end();
  });

  test('a pause at the moment of a release of the claim never leaves an agent that nobody can free', async () => {
    for (let round = 0; round < 8; round += 1) {
      const b = await api().agent();
      const { owner } = await pausingOwner(stack, b);
      const [paused, released] = await Promise.all([
        owner.call('POST', `${pathOf(b)}/pause`, { body: { mode: 'full' }, node: round % 2 }),
        owner.call('DELETE', pathOf(b)),
      ]);
      expect(released.status).toBe(200);
      expect([200, 404]).toContain(paused.status);
      expect((await stateOf(b)).modes).toEqual(['none', 'none', 'none']);
    }
  });

  test('dashboard#13: releasing a claim ends its pause, and what was held back comes', async () => {
    const [a, b] = await friends();
    const { owner, set } = await pausingOwner(stack, b);
    const client = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await set(b, 'full');
    for (let index = 0; index < 3; index += 1) await send(a, b);
    expect((await owner.call('DELETE', pathOf(b))).status).toBe(200);
    await client.untilMessages(3);
    expect(positionsOf(client)).toEqual(sequence(2, 3));
    expect((await eventsOf(b)).at(-1)).toEqual(['agent.unpaused', 'system', { reason: 'released' }]);
    const next = await signInOwner(stack);
    expect((await claim(next, b)).body.paused_by_owner).toBe('none');
    client.end();
  });

  test('dashboard#12, dashboard#G15: a new key ends claim and pause; the queue waits for the new key', async () => {
    const [a, b] = await friends();
    const { owner, set } = await pausingOwner(stack, b);
    await set(b, 'full');
    const client = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    for (let index = 0; index < 3; index += 1) await send(a, b);
    const { body } = await api().as(b, 'POST', `/v1/agents/${b.agent.handle}/rotate-key`);
    const code = await codeFor(stack, b.agent.email);
    const swapped = await api().as(b, 'POST', `/v1/agents/${b.agent.handle}/rotate-key/verify`, {
      body: { pending_id: body.pending_id, code },
    });
    expect(swapped.status).toBe(200);
    expect((await client.untilClosed()).code).toBe(1008);
    expect(client.messages()).toEqual([]);
    expect((await stateOf(b)).modes).toEqual(['none', 'none', 'none']);
    expect((await eventsOf(b)).at(-1)).toEqual(['agent.unpaused', 'system', { reason: 'key_rotated' }]);
    expect((await owner.call('POST', `${pathOf(b)}/unpause`)).status).toBe(404);
    const again = await SocketClient.hello(url(0), String(swapped.body.api_key), ['ack']);
    await again.untilMessages(3);
    expect(positionsOf(again)).toEqual(sequence(2, 3));
    again.end();
  });

  test('dashboard#27: a pause outlives suspension and reinstatement: the two are set independently', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const group = await api().groupOf(a, b);
    await api().drain(b);
    await setStatus(database, idOf(b), 'suspended', new Date());
    await set(b, 'full');
    expect((await api().as(b, 'GET', '/v1/agents/me')).body).toMatchObject({
      status: 'suspended',
      paused_by_owner: 'full',
    });
    expect((await send(b, a)).body.code).toBe('SUSPENDED');
    await api().send(a, group, 'while suspended and paused');
    await setStatus(database, idOf(b), 'active', new Date());
    const client = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await client.roundTrip();
    expect(client.messages()).toEqual([]);
    expect(await api().sync(b)).toEqual([]);
    await set(b, 'none');
    await client.untilMessages(1);
    client.end();
  });

  test('dashboard#28: the receipt of a fully paused sender is dropped for ever; its history says read', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const mine = (await send(b, a)).body;
    const client = await SocketClient.hello(url(1), b.apiKey, ['ack']);
    await set(b, 'full');
    expect((await api().as(a, 'POST', `/v1/messages/${mine.id}/read`)).status).toBe(200);
    await set(b, 'none');
    await send(a, b);
    await client.untilMessages(1);
    await client.roundTrip();
    expect(client.frames.filter(({ type }) => type === 'message.read')).toEqual([]);
    const history = await api().as(b, 'GET', `/v1/messages/${mine.conversation_id}`);
    expect(history.body.find(({ id }: { id: string }) => id === mine.id).status).toBe('read');
    client.end();
  });
});
