import { expandIntents } from '../../delivery/expand-intents';
import { releaseStep } from '../../delivery/release-parked';
import { createAgentReader } from '../../store/agents/agents';
import { setPause } from '../../store/accounts/set-pause';
import { operateEnforcement, type OperatorAction } from '../../store/enforcement/operate-enforcement';
import { swapKey } from '../../store/accounts/swap-key';
import { agentActor } from '../../store/schema/audit';
import { hashApiKey, newApiKey } from '../../platform/ids';
import type { TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { bodyOf, intentWorker } from '../support/intents';
import { rowDeps } from '../support/relays';
import { addWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

/** While an agent is fully paused or suspended nothing goes to its webhooks; afterwards they get what it still has. */
describe('webhooks of paused and suspended agents', () => {
  const { stack, database } = useStack({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);
  const worker = intentWorker(database);

  let sent = 0;
  const send = async (by: TestAgent, to: TestAgent, text: string): Promise<string> => {
    const body = { to: api.handleOf(to), client_msg_id: `quiet-${(sent += 1)}`, content: { text } };
    const answer = await api.as(by, 'POST', '/v1/messages', { node: sent % 2, body });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body.id;
  };
  const sendAll = async (by: TestAgent, to: TestAgent, texts: string[]): Promise<void> => {
    for (const text of texts) await send(by, to, text);
  };
  const friends = async (): Promise<[TestAgent, TestAgent]> => {
    const [a, b] = await api.two();
    await send(a, b, 'opener');
    await send(b, a, 'reply');
    await api.drain(b);
    return [a, b];
  };
  const pause = (who: TestAgent, mode: 'none' | 'send' | 'full') => setPause(database, api.idOf(who), mode, new Date());
  const operate = (who: TestAgent, action: OperatorAction) => {
    const operator = { type: 'operator' as const, id: 'ops' };
    return operateEnforcement(database, { agentId: api.idOf(who), action, operator, note: null, now: new Date() });
  };
  const told = async (who: TestAgent): Promise<string[]> => {
    await worker.expandAll(2);
    return (await worker.deliveriesOf(api.idOf(who))).map((delivery) => {
      const { event, data } = bodyOf(delivery);
      return event === 'message.new' ? (data.content.text ?? data.content.data.event) : event;
    });
  };
  const heldOf = async (who: TestAgent) =>
    (await database.webhooks.find({ agentId: api.idOf(who) }).toArray()).map(({ held }) => held);

  test('webhooks#22: nothing during a full pause; what is still stored comes in order after it, once', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new', 'contact.blocked', 'message.read']);
    const mine = await send(b, a, 'mine');
    await send(a, b, 'before');
    expect(await told(b)).toEqual(['before']);
    await pause(b, 'full');
    expect(await heldOf(b)).toEqual(['paused']);
    await sendAll(a, b, ['one', 'two', 'three']);
    // Other events of the meantime are dropped.
    await api.as(a, 'POST', `/v1/messages/${mine}/read`);
    expect(await told(b)).toEqual(['before']);
    await pause(b, 'send');
    expect(await heldOf(b)).toEqual([null]);
    expect(await told(b)).toEqual(['before', 'one', 'two', 'three']);
    await send(a, b, 'four');
    await pause(b, 'none');
    expect(await told(b)).toEqual(['before', 'one', 'two', 'three', 'four']);
  });

  test('webhooks.md §5: a release leaves out what was muted, read or acknowledged meanwhile', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    await pause(b, 'full');
    await send(a, b, 'taken');
    const target = { target_kind: 'agent', target_handle: api.handleOf(a) };
    expect((await api.as(b, 'POST', '/v1/mutes', { body: target })).status).toBe(201);
    await send(a, b, 'muted');
    await api.as(b, 'DELETE', `/v1/mutes/agent/${api.handleOf(a)}`);
    await sendAll(a, b, ['left', 'also left']);
    const [first] = await database.envelopes
      .find({ recipientId: api.idOf(b), status: 'stored' }, { sort: { position: 1 } })
      .toArray();
    await api.as(b, 'POST', `/v1/messages/${first?.messageId}/read`);
    await pause(b, 'none');
    expect(await told(b)).toEqual(['left', 'also left']);
  });

  test('dashboard.md §8.5 G10: the webhooks in force at the release get it, whenever they were created', async () => {
    const [a, b] = await friends();
    const gone = await addWebhook(database, api.idOf(b), ['message.new']);
    await pause(b, 'full');
    await send(a, b, 'held back');
    const during = await addWebhook(database, api.idOf(b), ['message.new']);
    expect(during.held).toBe('paused');
    await api.as(b, 'DELETE', `/v1/webhooks/${gone._id}`);
    await pause(b, 'none');
    const after = await addWebhook(database, api.idOf(b), ['message.new']);
    await worker.expandAll();
    const deliveries = await worker.deliveriesOf(api.idOf(b));
    expect(deliveries.map(({ webhookId }) => webhookId)).toEqual([during._id]);
    expect([await heldOf(b), after.held]).toEqual([[null, null], null]);
  });

  test('dashboard.md §8.5 G5: a release that a pause stopped goes on with the next one, without repeats', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    await pause(b, 'full');
    const texts = Array.from({ length: 150 }, (_, index) => `held ${index}`);
    await sendAll(a, b, texts);
    await pause(b, 'none');
    // One step takes one page.
    const agents = createAgentReader(database);
    const deps = { ...rowDeps(database), agents, publicBaseUrl: 'http://chat.example.com' };
    await releaseStep(deps, api.idOf(b));
    await pause(b, 'full');
    const released = (await worker.deliveriesOf(api.idOf(b))).length;
    expect(released).toBeGreaterThan(0);
    expect(released).toBeLessThan(150);
    await send(a, b, 'during the second');
    expect(await told(b)).toEqual(texts.slice(0, released));
    await pause(b, 'none');
    expect(await told(b)).toEqual([...texts, 'during the second']);
  });

  test('dashboard#G1, dashboard#G10: what comes during a release joins its end', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    await pause(b, 'full');
    const texts = Array.from({ length: 120 }, (_, index) => `held ${index}`);
    await sendAll(a, b, texts);
    await pause(b, 'none');
    const agents = createAgentReader(database);
    const deps = { ...rowDeps(database), agents, publicBaseUrl: 'http://chat.example.com' };
    expect((await releaseStep(deps, api.idOf(b))).isMore).toBe(true);
    await send(a, b, 'meanwhile');
    await expandIntents(deps);
    expect((await worker.deliveriesOf(api.idOf(b))).length).toBe(100);
    const late = await addWebhook(database, api.idOf(b), ['message.new']);
    await send(a, b, 'also for the late one');
    expect((await releaseStep(deps, api.idOf(b))).isMore).toBe(false);
    await send(a, b, 'live again');
    await expandIntents(deps);
    const told = (await worker.deliveriesOf(api.idOf(b))).map((row) => [
      bodyOf(row).data.content.text,
      row.webhookId === late._id ? 'late' : 'first',
      row.released === true,
    ]);
    expect(told.filter(([, webhook]) => webhook === 'first')).toEqual([
      ...[...texts, 'meanwhile', 'also for the late one'].map((text) => [text, 'first', true]),
      ['live again', 'first', false],
    ]);
    // It was there when the last two came.
    expect(told.filter(([, webhook]) => webhook === 'late')).toEqual([
      ['also for the late one', 'late', true],
      ['live again', 'late', false],
    ]);
  });

  test('webhooks.md §5: a suspension holds webhooks as a full pause does; reinstatement releases them', async () => {
    const [a, b] = await friends();
    const groupId = await api.groupOf(a, b);
    await api.drain(b);
    await addWebhook(database, api.idOf(b), ['message.new']);
    await operate(b, { kind: 'suspend' });
    expect(await heldOf(b)).toEqual(['paused']);
    await api.send(a, groupId, 'while suspended');
    await pause(b, 'full');
    await operate(b, { kind: 'reinstate' });
    await api.send(a, groupId, 'while paused');
    expect([await told(b), await heldOf(b)]).toEqual([[], ['paused']]);
    await pause(b, 'none');
    expect([await told(b), await heldOf(b)]).toEqual([['while suspended', 'while paused'], [null]]);
  });

  test('a new key ends the pause: what was held back is released', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    await pause(b, 'full');
    await send(a, b, 'held back');
    const actor = agentActor(api.idOf(b));
    await swapKey(database, { agentId: api.idOf(b), apiKeyHash: hashApiKey(newApiKey()), actor, at: new Date() });
    expect([await told(b), await heldOf(b)]).toEqual([['held back'], [null]]);
  });

  test('pauses and their ends among sends on two nodes: each message exactly once', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    const accepted: string[] = [];
    let isDone = false;
    const sending = [0, 1, 2, 3].map(async () => {
      while (!isDone) accepted.push(await send(a, b, 'in a stream'));
    });
    for (let round = 0; round < 5; round += 1) {
      await pause(b, 'full');
      await worker.expandAll();
      await pause(b, 'none');
      await worker.expandAll(2);
    }
    isDone = true;
    await Promise.all(sending);
    await worker.expandAll(2);
    const deliveries = await worker.deliveriesOf(api.idOf(b));
    expect(deliveries.map(({ messageId }) => messageId).sort()).toEqual(accepted.sort());
  });

  test('groups#G13, groups#G14: the notice of a deleted group reaches webhooks of a muter', async () => {
    const [creator, muter, paused] = await api.three();
    const groupId = await api.groupOf(creator, muter, paused);
    for (const who of [muter, paused]) {
      await api.drain(who);
      await addWebhook(database, api.idOf(who), ['message.new', 'group.deleted']);
    }
    const target = { target_kind: 'conversation', target_id: groupId };
    expect((await api.as(muter, 'POST', '/v1/mutes', { body: target })).status).toBe(201);
    await pause(paused, 'full');
    await api.send(creator, groupId, 'lost');
    await api.deleteGroup(creator, groupId);
    expect((await told(muter)).sort()).toEqual(['group.deleted', 'group_deleted']);
    expect(await told(paused)).toEqual([]);
    await pause(paused, 'none');
    expect(await told(paused)).toEqual(['group_deleted']);
  });
});
