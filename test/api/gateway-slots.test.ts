import { randomUUID } from 'node:crypto';
import { claim } from '../support/owners';
import { signInUser, type GatewayUser } from '../support/gateway';
import { sequence } from '../support/releases';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** An agent must not drown in what everybody wants of it at once: gateway.md §9.2. */
describe('slots of an agent', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 1 });

  async function startOwned() {
    const user = await signInUser(stack);
    const agent = await SdkAgent.create(database, url(1));
    await agent.connect();
    await claim(user.owner, agent.account);
    const texts = () => agent.received.map(({ content }) => content.text);
    const answer = (text: string) =>
      agent.client.sendMessage({
        to: agent.received.find(({ content }) => content.text === text)?.sender ?? '',
        content: { text: `Re: ${text}` },
        client_msg_id: randomUUID(),
      });
    const untilAsked = (count: number) =>
      waitFor(() => texts().length === count, { describe: `${count} messages, got ${texts().length}` });
    return { user, agent, handle: agent.handle, texts, answer, untilAsked };
  }
  type Owned = Awaited<ReturnType<typeof startOwned>>;
  const task = ({ user, handle }: Owned, message: string, priority = 5) =>
    user.call('POST', `/api/agents/${handle}/task`, { body: { message, priority } });
  const chat = (user: GatewayUser, { handle }: Owned, message: string, node = 0) =>
    user.call('POST', `/api/agents/${handle}/chat`, {
      body: { message, new_session: true, timeout_seconds: 300 },
      headers: { accept: 'application/json' },
      node,
    });
  const untilStored = (message: string) =>
    waitFor(() => database.gatewayExecutions.findOne({ message }), { describe: `the turn ${message}` });
  const slotsOf = async ({ agent }: Owned) => {
    const slots = await database.gatewaySlots.findOne({ _id: agent.id });
    return [slots?.running.length, slots?.chats, slots?.tasks];
  };

  test('gateway.md §9.2: eight turns run at once; then come chats, then tasks by priority, then by age', async () => {
    const owned = await startOwned();
    for (const n of sequence(1, 8)) await task(owned, `run ${n}`);
    await owned.untilAsked(8);
    for (const [message, priority] of [
      ['low', 1],
      ['old', 5],
      ['young', 5],
      ['high', 9],
    ] as const) {
      expect((await task(owned, message, priority)).body.status).toBe('queued');
    }
    const waiting = chat(owned.user, owned, 'chat');
    await untilStored('chat');
    expect(await slotsOf(owned)).toEqual([8, 1, 4]);
    expect(owned.texts()).toHaveLength(8);
    for (const [index, next] of ['chat', 'high', 'old', 'young', 'low'].entries()) {
      await owned.answer(`run ${index + 1}`);
      await owned.untilAsked(9 + index);
      expect(owned.texts().at(-1)).toBe(next);
    }
    await owned.answer('chat');
    const answered = await waiting;
    expect([answered.body.response, answered.body.execution.was_queued]).toEqual(['Re: chat', true]);
    for (const text of owned.texts().slice(5)) if (text !== 'chat') await owned.answer(text ?? '');
    await waitFor(async () => (await slotsOf(owned)).join() === '0,0,0', { describe: 'free slots' });
    owned.agent.disconnect();
  });

  test('gateway.md §9.2: of many chats at once, over two processes, fifty wait, and the others get 429', async () => {
    const owned = await startOwned();
    const codes: string[] = [];
    const answers = sequence(1, 70).map(async (n) => {
      const { body } = await chat(owned.user, owned, `many ${n}`, n % 2);
      codes.push(body.code);
    });
    // All of them have been decided about: one that comes when others have gone would find room.
    await waitFor(() => codes.length === 12, { describe: 'the refused ones' });
    expect(await slotsOf(owned)).toEqual([8, 50, 0]);
    const { user, agent, handle } = owned;
    expect(await database.gatewayExecutions.countDocuments({ agentId: agent.id })).toBe(58);
    const refused = await chat(user, owned, 'one more');
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      429,
      'TURN_QUEUE_FULL',
      '30',
    ]);
    const open = await user.call('GET', `/api/agents/${handle}/executions?limit=200`);
    for (const { id } of open.body) await user.call('POST', `/api/agents/${handle}/executions/${id}/cancel`);
    await Promise.all(answers);
    expect(codes.filter((code) => code === 'TURN_QUEUE_FULL')).toHaveLength(12);
    expect(codes.filter((code) => code === 'TURN_CANCELLED')).toHaveLength(58);
    expect(await slotsOf(owned)).toEqual([0, 0, 0]);
    agent.disconnect();
  });

  test('gateway.md §9.2: a thousand tasks wait for an agent; the next one gets 429 and leaves nothing', async () => {
    const owned = await startOwned();
    for (const n of sequence(1, 8)) await task(owned, `busy ${n}`);
    await database.gatewaySlots.updateOne({ _id: owned.agent.id }, { $set: { tasks: 999 } });
    expect((await task(owned, 'thousand')).status).toBe(202);
    const refused = await task(owned, 'too many');
    expect([refused.status, refused.body.code]).toEqual([429, 'TURN_QUEUE_FULL']);
    expect(await database.gatewayExecutions.countDocuments({ message: 'too many' })).toBe(0);
    owned.agent.disconnect();
  });

  test('gateway.md §9.2: a turn that nobody waits for any more leaves its slot to the next one', async () => {
    const owned = await startOwned();
    const { user, handle } = owned;
    const short = sequence(1, 8).map((n) =>
      user.call('POST', `/agents/${handle}/chat`, {
        body: { message: `short ${n}`, new_session: true, timeout_seconds: 3 },
      }),
    );
    await owned.untilAsked(8);
    const waiting = chat(user, owned, 'patient');
    expect((await Promise.all(short)).map(({ status }) => status)).toEqual(Array(8).fill(504));
    await owned.untilAsked(9);
    await owned.answer('patient');
    expect((await waiting).body.response).toBe('Re: patient');
    owned.agent.disconnect();
  });

  test('gateway.md §9.2: an owner sets how many run at once; what has room then begins in order', async () => {
    const owned = await startOwned();
    const { user, handle } = owned;
    const path = `/api/agents/${handle}/turn-slots`;
    expect((await user.call('GET', path)).body).toEqual({ max: 8, running: 0, waiting: { chats: 0, tasks: 0 } });
    expect((await user.call('PUT', path, { body: { max: 1 } })).body.max).toBe(1);
    for (const [message, priority] of [
      ['first', 5],
      ['second', 1],
      ['third', 9],
      ['fourth', 5],
    ] as const) {
      await task(owned, message, priority);
    }
    await owned.untilAsked(1);
    expect((await user.call('GET', path)).body).toEqual({ max: 1, running: 1, waiting: { chats: 0, tasks: 3 } });
    expect((await user.call('PUT', path, { body: { max: 3 }, node: 1 })).body).toMatchObject({ max: 3, running: 3 });
    await owned.untilAsked(3);
    expect([...owned.texts()].sort()).toEqual(['first', 'fourth', 'third']);
    expect((await user.call('PUT', path, { body: { max: 1 } })).body).toMatchObject({ max: 1, running: 3 });
    await owned.answer('first');
    await owned.answer('third');
    await waitFor(async () => (await slotsOf(owned)).join() === '1,0,1', { describe: 'one turn that runs' });
    await owned.answer('fourth');
    await owned.untilAsked(4);
    expect(owned.texts().at(-1)).toBe('second');
    for (const max of [0, 65, 1.5, '8', null]) {
      const { status, body } = await user.call('PUT', path, { body: { max } });
      expect([status, body.code]).toEqual([400, 'VALIDATION_ERROR']);
    }
    const stranger = await signInUser(stack);
    expect((await stranger.call('PUT', path, { body: { max: 2 } })).body.code).toBe('AGENT_NOT_FOUND');
    owned.agent.disconnect();
  });
});
