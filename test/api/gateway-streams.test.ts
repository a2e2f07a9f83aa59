import { randomUUID } from 'node:crypto';
import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { linesOf, recordsOf, signInUser, type GatewayUser } from '../support/gateway';
import { SocketClient } from '../realtime/socket-client';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** The payloads of the frames of one type that a socket got. */
const payloads = (socket: SocketClient, type: string): Parsed[] =>
  socket.frames.flatMap((frame) => (frame.type === type ? [frame.payload] : []));

/** The last payload of that type, once there is one. */
const next = async (socket: SocketClient, type: string): Promise<Parsed> => {
  await waitFor(() => payloads(socket, type).length > 0, { describe: type });
  return payloads(socket, type).at(-1);
};

describe('agents that stream their answers', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  /** A user that watches a turn over `node`, and the agent's socket with the message of the turn. */
  async function openTurn(path: string, body: object = {}) {
    const [user, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    const socket = await SocketClient.hello(url(1), agent.apiKey, ['ack', 'gateway']);
    const handle = agent.agent.handle;
    const response = await user.stream(path.replace(':name', handle), { body: { message: 'Go', ...body } });
    const message = await next(socket, 'message.new');
    return { user, agent, socket, response, executionId: message.metadata.gateway.execution_id as string };
  }

  const delta = (executionId: string, index: number, text: string) => ({
    type: 'turn.delta',
    payload: { execution_id: executionId, index, text },
  });

  const complete = (executionId: string, more: object = {}) => ({
    type: 'turn.complete',
    payload: { execution_id: executionId, client_msg_id: randomUUID(), ...more },
  });

  const shownOf = async (user: GatewayUser, { agent }: TestAgent, executionId: string): Promise<Parsed> =>
    (await user.call('GET', `/api/agents/${agent.handle}/executions/${executionId}`)).body;

  test('gateway#5: deltas reach the caller as they come, twice and out of order ones as one text', async () => {
    const { user, agent, socket, response, executionId } = await openTurn('/agents/:name/chat/stream');
    for (const [index, text] of [
      [0, 'Good '],
      [2, 'ing'],
      [1, 'morn'],
      [1, 'morn'],
    ] as const) {
      socket.send(delta(executionId, index, text));
    }
    const reader = response.body?.getReader();
    let seen = '';
    await waitFor(
      async () => {
        seen += Buffer.from((await reader?.read())?.value ?? new Uint8Array()).toString('utf8');
        return seen.includes('ing');
      },
      { describe: 'the deltas before the end' },
    );
    await waitFor(() => payloads(socket, 'turn.ack').some((payload) => payload.through_index === 2), {
      describe: 'the acknowledgement of all three',
    });
    socket.send(complete(executionId));
    for (;;) {
      const piece = await reader?.read();
      if (piece?.done !== false) break;
      seen += Buffer.from(piece.value).toString('utf8');
    }
    const records = recordsOf(seen);
    const texts = records.filter(({ type }) => type === 'text').map(({ content }) => content as string);
    expect([texts.join(''), records.at(-1)?.type]).toEqual(['Good morning', 'done']);
    expect(await shownOf(user, agent, executionId)).toMatchObject({ status: 'completed', response: 'Good morning' });
    socket.end();
  });

  test('gateway#5: a gap is told after two seconds, and the stream goes on where it was', async () => {
    const { user, agent, socket, response, executionId } = await openTurn('/api/agents/:name/chat');
    socket.send(delta(executionId, 0, 'a'));
    socket.send(delta(executionId, 2, 'c'));
    expect(await next(socket, 'turn.error')).toMatchObject({ execution_id: executionId, code: 'GAP' });
    socket.send(delta(executionId, 1, 'b'));
    socket.send(delta(executionId, 2, 'c'));
    socket.send(complete(executionId));
    const lines = linesOf(await response.text());
    const deltas = lines.filter(({ type }) => type === 'stream_event').map(({ event }) => event.delta.text as string);
    expect([deltas.join(''), lines.at(-1).result]).toEqual(['abc', 'abc']);
    expect((await shownOf(user, agent, executionId)).response).toBe('abc');
    socket.end();
  });

  test('gateway#5: an answer of 40 KB is stored in parts, and read as one', async () => {
    const { user, agent, socket, response, executionId } = await openTurn('/agents/:name/chat/stream');
    const text = `${'A paragraph of an answer. '.repeat(40)}\n\n`.repeat(40);
    socket.send(complete(executionId, { content: { text } }));
    await response.text();
    const execution = await shownOf(user, agent, executionId);
    expect([execution.response === text, execution.response_message_ids.length]).toEqual([true, 2]);
    socket.end();
  });

  test('gateway#5: text beyond 256 KiB is refused, and what was taken can still be the answer', async () => {
    const { user, agent, socket, executionId } = await openTurn('/agents/:name/chat/stream');
    const key = agent.apiKey;
    const path = `/v1/gateway/turns/${executionId}`;
    const text = 'x'.repeat(8_192);
    const events = Array.from({ length: 32 }, (_, index) => ({ type: 'delta', index, text }));
    const taken = await call(url(), 'POST', `${path}/events`, { key, body: { events } });
    expect([taken.status, taken.body]).toEqual([200, { through_index: 31 }]);
    const more = { events: [{ type: 'delta', index: 32, text: 'y' }] };
    expect((await call(url(), 'POST', `${path}/events`, { key, body: more })).status).toBe(413);
    const body = { client_msg_id: randomUUID() };
    const answered = await call(url(), 'POST', `${path}/complete`, { key, body });
    expect([answered.status, answered.body.sender]).toEqual([201, agent.agent.handle]);
    await waitFor(async () => (await shownOf(user, agent, executionId)).status === 'completed', {
      describe: 'the end',
    });
    expect((await shownOf(user, agent, executionId)).response).toBe(text.repeat(32));
    socket.end();
  });

  test('tools and progress are shown to those who want all events, and failure ends with its code', async () => {
    const { user, agent, socket, response, executionId } = await openTurn('/agents/:name/chat/stream', {
      events: 'all',
    });
    const say = (type: string, payload: object) =>
      socket.send({ type, payload: { execution_id: executionId, ...payload } });
    say('turn.accept', {});
    say('turn.progress', { label: 'Reading' });
    say('turn.tool_call', { id: 't1', name: 'search', input: { q: 'x' } });
    say('turn.tool_result', { id: 't1', output: 'found', duration_ms: 5 });
    say('turn.fail', { error: { code: 'no_luck', message: 'Nothing found' } });
    const records = recordsOf(await response.text());
    expect(records.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['status', 'tool_call', 'tool_result', 'error']),
    );
    expect(records.find(({ label }) => label === 'Reading')).toBeDefined();
    expect(records.find(({ type }) => type === 'tool_call')).toMatchObject({ name: 'search', input: { q: 'x' } });
    expect(records.at(-1)).toMatchObject({ type: 'error', code: 'AGENT_ERROR', content: 'Nothing found' });
    expect(await shownOf(user, agent, executionId)).toMatchObject({
      status: 'failed',
      error_code: 'agent_error',
      tool_calls: [{ id: 't1', name: 'search', input: { q: 'x' }, output: 'found', is_error: false, duration_ms: 5 }],
      execution_log: [{ type: 'tool_use' }, { type: 'tool_result', tool: 'search', success: true }],
    });
    socket.end();
  });

  test('a cancelled turn is told to sockets that know the gateway, and to no others', async () => {
    const { user, agent, socket, executionId } = await openTurn('/agents/:name/chat/stream');
    const plain = await SocketClient.hello(url(), agent.apiKey, ['ack']);
    await user.call('POST', `/api/agents/${agent.agent.handle}/executions/${executionId}/cancel`);
    expect(await next(socket, 'turn.cancel')).toEqual({ execution_id: executionId, reason: 'user' });
    socket.send(delta(executionId, 0, 'late'));
    expect(await next(socket, 'turn.error')).toMatchObject({ code: 'TURN_CLOSED' });
    expect(payloads(plain, 'turn.cancel')).toEqual([]);
    [socket, plain].forEach((one) => one.end());
  });

  test("another agent's turns are not there, over REST and over the socket", async () => {
    const { agent, socket, executionId } = await openTurn('/agents/:name/chat/stream');
    const stranger = await createTestAgent(database);
    const listOf = async (key: string) =>
      (await call(url(), 'GET', '/v1/gateway/turns', { key })).body.turns as Parsed[];
    expect(await listOf(agent.apiKey)).toMatchObject([{ execution_id: executionId, through_index: -1 }]);
    expect(await listOf(stranger.apiKey)).toEqual([]);
    const foreign = await call(url(), 'GET', `/v1/gateway/turns/${executionId}`, { key: stranger.apiKey });
    expect([foreign.status, foreign.body.code]).toEqual([404, 'EXECUTION_NOT_FOUND']);
    const other = await SocketClient.hello(url(), stranger.apiKey, ['ack']);
    other.send(delta(executionId, 0, 'mine'));
    expect(await next(other, 'turn.error')).toMatchObject({ code: 'EXECUTION_NOT_FOUND' });
    [socket, other].forEach((one) => one.end());
  });
});
