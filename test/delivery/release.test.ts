import type { Delivery } from '../../store/schema/collections/deliveries';
import type { TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { startReceiver, type Received, LOCAL_RECEIVERS } from '../support/receiver';
import { inParallel, pausingOwner } from '../support/releases';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** dashboard.md §8.4, §8.5 G10: what a full pause did to webhooks, told to real receivers after it. */
describe('webhooks after a full pause', () => {
  const { stack, database } = useStack({
    apis: 2,
    workers: 2,
    env: LOCAL_RECEIVERS,
  });

  const api = () => groupCalls(stack, database);
  let sent = 0;
  const send = async (by: TestAgent, to: TestAgent, text: string): Promise<string> => {
    const body = { to: to.agent.handle, client_msg_id: `w-${(sent += 1)}`, content: { text } };
    const answer = await api().as(by, 'POST', '/v1/messages', { node: sent % 2, body });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body.id;
  };
  async function friends(): Promise<[TestAgent, TestAgent]> {
    const [a, b] = await api().two();
    await send(a, b, 'opener');
    await send(b, a, 'reply');
    await api().drain(b);
    return [a, b];
  }
  const hook = async (who: TestAgent, url: string): Promise<string> =>
    (await api().as(who, 'POST', '/v1/webhooks', { body: { url, events: ['message.new'] } })).body.id;
  const textOf = ({ body }: Received): string => JSON.parse(body.toString('utf8')).data.content.text;
  const textsOf = (requests: Received[]): string[] => requests.map(textOf);
  const deliveriesOf = (who: TestAgent): Promise<Delivery[]> =>
    database.deliveries.find({ agentId: who.agent._id }, { sort: { order: 1 } }).toArray();

  test('dashboard#24, dashboard#G10: 250 parked messages come once, in order, one at a time', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const receiver = await startReceiver();
    await hook(b, receiver.url);
    await set(b, 'full');
    const texts: string[] = [];
    for (let index = 0; index < 250; index += 1) texts.push(`parked ${index}`);
    for (const text of texts) await send(a, b, text);
    expect(receiver.requests).toEqual([]);
    await set(b, 'none');
    const later: string[] = [];
    await receiver.received(1);
    for (let index = 0; index < 30; index += 1) {
      later.push(`live ${index}`);
      await send(a, b, `live ${index}`);
    }
    const requests = await receiver.received(280);
    expect(textsOf(requests).slice(0, 250)).toEqual(texts);
    // What came meanwhile is behind all of it; attempts of live ones run beside each other.
    expect(textsOf(requests).slice(250).sort()).toEqual([...later].sort());
    await waitFor(async () => (await deliveriesOf(b)).every(({ status }) => status === 'delivered'));
    expect(await deliveriesOf(b)).toHaveLength(280);
    expect(requests.slice(0, 249).every(({ atMs }, index) => atMs <= (requests[index + 1]?.atMs ?? 0))).toBe(true);
    await receiver.close();
  });

  test('dashboard#24: a parked delivery that fails holds up no other; held retries keep their count', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const receiver = await startReceiver();
    await hook(b, receiver.url);
    receiver.answer(503);
    await send(a, b, 'failed before');
    await waitFor(async () => (await deliveriesOf(b))[0]?.status === 'failed');
    await set(b, 'full');
    const held = (await deliveriesOf(b))[0];
    receiver.answer((response, request) => response.writeHead(textOf(request) === 'one' ? 500 : 200).end());
    for (const text of ['one', 'two', 'three']) await send(a, b, text);
    // Past the time at which it was due.
    await database.deliveries.updateOne({ _id: held?._id }, { $set: { nextAttemptAt: new Date(Date.now() - 1_000) } });
    const before = receiver.requests.length;
    await send(a, b, 'four');
    expect((await deliveriesOf(b))[0]?.attempts).toBe(held?.attempts);
    expect(receiver.requests).toHaveLength(before);
    await set(b, 'none');
    await waitFor(async () => (await deliveriesOf(b)).filter(({ status }) => status === 'delivered').length === 4, {});
    const rows = await deliveriesOf(b);
    expect(rows.map(({ status, attempts }) => [status, attempts > 0])).toEqual(
      expect.arrayContaining([['failed', true]]),
    );
    const firsts = textsOf(receiver.requests.slice(before)).filter((text) => text !== 'failed before');
    expect([...new Set(firsts)]).toEqual(['one', 'two', 'three', 'four']);
    await receiver.close();
  });

  test('dashboard#24, dashboard#G5, dashboard#G10: a release reaches the webhooks that exist by then', async () => {
    const [a, b] = await friends();
    const { set } = await pausingOwner(stack, b);
    const [gone, stays, comes] = [await startReceiver(), await startReceiver(), await startReceiver()];
    const goneId = await hook(b, gone.url);
    await hook(b, stays.url);
    await set(b, 'full');
    const ids: string[] = [];
    for (let index = 0; index < 12; index += 1) ids.push(await send(a, b, `row ${index}`));
    await api().as(b, 'DELETE', `/v1/webhooks/${goneId}`);
    await hook(b, comes.url);
    await api().as(b, 'POST', `/v1/messages/${ids[0]}/read`);
    await api().as(b, 'DELETE', `/v1/messages/${ids[1]}`);
    // The first attempt hangs until told: the rest waits behind it.
    let letGo: () => void = () => undefined;
    stays.answer((response) => (letGo = () => response.writeHead(200).end()));
    await set(b, 'none');
    await stays.received(1);
    await set(b, 'full');
    letGo();
    await comes.received(1);
    stays.answer(200);
    await waitFor(
      async () => (await database.deliveries.countDocuments({ agentId: b.agent._id, status: 'delivering' })) === 0,
    );
    const counts = [stays.requests.length, comes.requests.length];
    expect(counts[0]).toBe(1);
    await api().as(b, 'POST', `/v1/messages/${ids[11]}/read`);
    await send(a, b, 'row 12');
    expect([stays.requests.length, comes.requests.length]).toEqual(counts);
    await set(b, 'send');
    const expected = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12].map((index) => `row ${index}`);
    for (const receiver of [stays, comes]) {
      await waitFor(() => receiver.requests.some((request) => textOf(request) === 'row 12'));
      const texts = textsOf(receiver.requests).filter((text) => text !== 'row 11');
      expect(texts).toEqual(expected);
    }
    expect(textsOf(stays.requests)).not.toContain('row 11');
    expect(gone.requests).toEqual([]);
    for (const receiver of [gone, stays, comes]) await receiver.close();
  });

  test('dashboard#G14: an endpoint that hangs in a release holds up neither live messages nor others', async () => {
    const [a, slow] = await friends();
    const [c, quick] = await friends();
    const [stuck, receiver] = [await startReceiver(), await startReceiver()];
    stuck.answer(() => undefined);
    const slowOwner = await pausingOwner(stack, slow);
    const quickOwner = await pausingOwner(stack, quick);
    await hook(slow, stuck.url);
    await hook(quick, receiver.url);
    await slowOwner.set(slow, 'full');
    await inParallel(300, 8, (index) => send(a, slow, `stuck ${index}`));
    await slowOwner.set(slow, 'none');
    await stuck.received(1);
    await quickOwner.set(quick, 'full');
    await send(c, quick, 'parked');
    await quickOwner.set(quick, 'none');
    await receiver.received(1);
    await send(c, quick, 'live');
    expect(textsOf(await receiver.received(2))).toEqual(['parked', 'live']);
    expect(stuck.atOnceMax).toBe(1);
    for (const one of [stuck, receiver]) await one.close();
  });
});
