import { randomUUID } from 'node:crypto';
import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { recordsOf, signInUser, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §15: agents that know nothing of the gateway, and have no socket. */
describe('plain agents of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2, env: LOCAL_RECEIVERS });
  const receiver = useReceiver();

  async function ownedAgent(): Promise<[GatewayUser, TestAgent]> {
    const [user, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    await claim(user.owner, agent);
    return [user, agent];
  }
  const say = ({ apiKey: key }: TestAgent, to: string, text: string, metadata: object = {}) =>
    call(url(1), 'POST', '/v1/messages', {
      key,
      body: { to, type: 'text', content: { text }, metadata, client_msg_id: randomUUID() },
    });
  /** The messages that the agent finds by asking, once there are so many. */
  const synced = ({ apiKey: key }: TestAgent, count: number): Promise<string[]> =>
    waitFor(async () => {
      const { text } = await call(url(1), 'GET', '/v1/messages/sync', { key });
      const guests = [...text.matchAll(/"sender":"(guest-[a-z2-7]{20})"/g)].map(([, sender = '']) => sender);
      return guests.length >= count ? guests : null;
    });

  test('gateway#1: an agent that does nothing but ask for its messages answers S, T and streams', async () => {
    const [user, agent] = await ownedAgent();
    const { handle } = agent.agent;
    const shapes = [
      async () => (await user.chat(agent.agent, 'S', { new_session: true })).body.response as string,
      async () => {
        const body = { message: 'T', new_session: true };
        return (await user.call('POST', `/agents/${handle}/chat`, { body })).body.response as string;
      },
      async () => {
        const body = { message: 'stream', new_session: true };
        const records = recordsOf(await (await user.stream(`/agents/${handle}/chat/stream`, { body })).text());
        return records.map(({ content }) => content as string).join('');
      },
    ];
    for (const [index, ask] of shapes.entries()) {
      const asked = ask();
      const guests = await synced(agent, index + 1);
      await say(agent, guests.at(-1) ?? '', `answer ${index}`);
      expect(await asked).toBe(`answer ${index}`);
    }
  });

  test('gateway#1: an agent that is told by webhooks alone answers, and is not offline', async () => {
    const [user, agent] = await ownedAgent();
    const made = await call(url(), 'POST', '/v1/webhooks', {
      key: agent.apiKey,
      body: { url: receiver.url, events: ['message.new'] },
    });
    expect(made.status).toBe(201);
    const asked = user.chat(agent.agent, 'By webhook', { fail_fast: true });
    const [request] = await receiver.received(1);
    const [guest = ''] = /guest-[a-z2-7]{20}/.exec(request?.body.toString() ?? '') ?? [];
    await say(agent, guest, 'I heard');
    expect((await asked).body.response).toBe('I heard');
  });

  test("gateway#2: an answer that names another guest's message, or none that is, completes no turn", async () => {
    const [user, agent] = await ownedAgent();
    const other = user.chat(agent.agent, 'other', { new_session: true });
    const [otherGuest = ''] = await synced(agent, 1);
    const asked = user.chat(agent.agent, 'mine', { new_session: true });
    const guests = await synced(agent, 2);
    const guest = guests.find((sender) => sender !== otherGuest) ?? '';
    const { turns } = (await call(url(), 'GET', '/v1/gateway/turns', { key: agent.apiKey })).body;
    const foreign = turns.find(({ sender }: Parsed) => sender === otherGuest).message_id;
    await say(agent, guest, 'not this one', { reply_to: foreign });
    await say(agent, guest, 'nor this', { reply_to: 'msg_0000000000000000' });
    await say(agent, guest, 'but this');
    const answer = (await asked).body;
    expect(answer.response).toBe('but this');
    const path = `/api/agents/${agent.agent.handle}/chat/sessions/${answer.session_id}`;
    const { messages } = (await user.call('GET', path)).body;
    expect(messages.map(({ content, execution_id, late }: Parsed) => [content, execution_id, late])).toEqual([
      ['mine', answer.execution_id, false],
      ['not this one', null, false],
      ['nor this', null, false],
      ['but this', answer.execution_id, false],
    ]);
    await say(agent, otherGuest, 'to the other');
    expect((await other).body.response).toBe('to the other');
  });
});
