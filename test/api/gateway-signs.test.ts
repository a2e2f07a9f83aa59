import { turnId } from '../../workflows/messages/turn';
import { createTestAgent, type Parsed } from '../support/agents';
import { signInUser } from '../support/gateway';
import { claim } from '../support/owners';
import { SocketClient } from '../realtime/socket-client';
import { makeTeam } from '../support/teams';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** gateway.md §8.2, §8.3, §9.2: what agents show of their work, and hear of its end. */
describe('signs of agents', () => {
  const { stack, database, client, url } = useStack({ apis: 2 });

  /** A turn that nobody waits for any more, with an agent whose socket has not confirmed its message. */
  async function openTurn(capabilities: string[]) {
    const [user, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    await claim(user.owner, agent);
    const socket = await SocketClient.hello(url(1), agent.apiKey, capabilities);
    const { body } = await user.chat(agent.agent, 'At work?', { timeout_seconds: 1 });
    const path = `/api/agents/${agent.agent.handle}/executions/${body.details.execution_id}`;
    const message = await waitFor(() => socket.frames.find(({ type }) => type === 'message.new') ?? null);
    return {
      user,
      agent,
      socket,
      path,
      executionId: body.details.execution_id as string,
      message: message?.payload as Parsed,
    };
  }

  test('gateway.md §8.2: an agent that types in the conversation of its turn is running it', async () => {
    const { user, socket, path, executionId, message } = await openTurn(['ack']);
    expect((await user.call('GET', path)).body).toMatchObject({ status: 'queued', started_at: null });
    socket.send({ type: 'typing.start', payload: { conversation_id: message.conversation_id } });
    const { started_at } = await waitFor(async () => {
      const { body } = await user.call('GET', path);
      return body.status === 'running' ? (body as Parsed) : null;
    });
    expect(started_at).not.toBeNull();
    const { events } = (await user.call('GET', `${path}/log`)).body;
    expect(events.map(({ data }: Parsed) => data)).toEqual([{ status: 'queued' }, { status: 'running' }]);
    await user.call('POST', `${path}/cancel`);
    expect(await database.gatewayExecutions.findOne({ _id: executionId })).toMatchObject({ status: 'cancelled' });
    socket.end();
  });

  test('gateway.md §9.2: when a silent turn is ended, sockets that know the gateway hear of it, no others', async () => {
    const { user, agent, socket, path, executionId } = await openTurn(['ack', 'gateway']);
    const plain = await SocketClient.hello(url(), agent.apiKey, ['ack']);
    socket.send({ type: 'turn.accept', payload: { execution_id: executionId } });
    await waitFor(async () => (await user.call('GET', path)).body.status === 'running');
    const longAgo = new Date(Date.now() - 301_000);
    await database.gatewayExecutions.updateOne({ _id: executionId }, { $set: { activeAt: longAgo } });
    // The flow looks every minute; told that something changed, it looks at once.
    await client.workflow.getHandle(turnId(executionId)).signal('turnChanged');
    const cancel = await waitFor(() => socket.frames.find(({ type }) => type === 'turn.cancel') ?? null);
    expect(cancel.payload).toEqual({ execution_id: executionId, reason: 'timeout' });
    const { body } = await user.call('GET', path);
    expect([body.status, body.error_code]).toEqual(['failed', 'agent_silent']);
    expect(plain.frames.filter(({ type }) => type === 'turn.cancel')).toEqual([]);
    [socket, plain].forEach((one) => one.end());
  });

  test('gateway.md §9.3: when the turn of a team is cancelled, its members hear that nobody waits for them', async () => {
    const [user, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    await claim(user.owner, agent);
    const socket = await SocketClient.hello(url(1), agent.apiKey, ['ack', 'gateway']);
    const team = await makeTeam(user, [agent.agent]);
    const waiting = team.chat('At work?');
    await waitFor(() => socket.frames.find(({ type }) => type === 'message.new') ?? null);
    await user.call('DELETE', `/teams/${team.id}`);
    expect((await waiting).body.code).toBe('TURN_CANCELLED');
    const { payload } = await waitFor(() => socket.frames.find(({ type }) => type === 'turn.cancel') ?? null);
    const own = await database.gatewayExecutions.findOne({ agentId: agent.agent._id });
    expect(payload).toEqual({ execution_id: own?._id, reason: 'user' });
    socket.end();
  });
});
