import { SocketClient } from '../realtime/socket-client';
import { call, type Parsed } from '../support/agents';
import { useStack } from '../support/use-stack';
import { talk, voicePair, type VoicePair, type VoiceSocket } from '../support/voice';
import { waitFor } from '../support/wait';

/** gateway.md §7: what was said in a talk becomes messages of its session, line by line. */
describe('lines of a talk', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  const say = (agent: VoiceSocket, role: string, text: string, final = true) =>
    agent.send({ type: 'transcript', role, text, final });
  const messagesOf = async ({ user, agent }: VoicePair, sessionId: string) =>
    (await user.call('GET', `/api/agents/${agent.agent.handle}/chat/sessions/${sessionId}`)).body as Parsed;
  const untilSaved = (pair: VoicePair, sessionId: string, count: number) =>
    waitFor(async () => {
      const body = await messagesOf(pair, sessionId);
      return body.message_count === count ? body : null;
    });

  test('gateway.md §7: final lines are messages of both sides, in their order; other lines are only shown', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair, { agentNode: 1 });
    say(agent, 'assistant', 'Hel', false);
    say(agent, 'assistant', 'Hello');
    say(agent, 'assistant', 'How are you?');
    say(agent, 'user', 'Fine');
    say(agent, 'user', '  ');
    say(agent, 'assistant', 'Good');
    await caller.until('transcript', { text: 'Good' });
    expect(caller.of('transcript')[0]).toEqual({ type: 'transcript', role: 'assistant', text: 'Hel', final: false });
    const { session, messages } = await untilSaved(pair, started.chat_session_id, 4);
    expect(session).toMatchObject({ kind: 'voice', message_count: 4, unread_count: expect.any(Number) });
    expect(messages.map(({ role, content, execution_id }: Parsed) => [role, content, execution_id])).toEqual([
      ['assistant', 'Hello', null],
      ['assistant', 'How are you?', null],
      ['user', 'Fine', null],
      ['assistant', 'Good', null],
    ]);
    // What was spoken to a caller that was there has been heard.
    const inbox = `/agents/${pair.agent.agent.handle}/inbox`;
    await waitFor(async () => (await pair.user.call('GET', inbox)).body.unread_count === 0);
    [caller, agent, pair.socket].forEach((one) => one.end());
  });

  test('gateway.md §7: what the user said is delivered already: no socket, webhook or sync brings it', async () => {
    const pair = await voicePair(stack, database);
    const plain = await SocketClient.hello(url(), pair.agent.apiKey, ['ack']);
    const { started, caller, agent } = await talk(pair);
    say(agent, 'user', 'Nobody has to be told');
    const { messages } = await untilSaved(pair, started.chat_session_id, 1);
    const row = await database.messages.findOne({ _id: messages[0].id });
    expect(JSON.parse(row?.metadata ?? '')).toEqual({
      gateway: { voice: { voice_session_id: started.voice_session_id, at_ms: expect.any(Number) } },
    });
    const envelope = await database.envelopes.findOne({ messageId: messages[0].id });
    expect(envelope).toMatchObject({ recipientId: pair.agent.agent._id, status: 'delivered', isHeard: true });
    // A message that comes behind it finds the sockets in order.
    const { body: chat } = await pair.user.call('POST', `/agents/${pair.agent.agent.handle}/chat`, {
      body: { message: 'Written', timeout_seconds: 1 },
    });
    expect(chat.code).toBe('TURN_TIMEOUT');
    for (const socket of [plain, pair.socket]) {
      await socket.untilMessages(1);
      await socket.roundTrip();
      expect(socket.messages().map(({ conversation_id: id }) => id)).not.toContain(row?.conversationId);
      expect(socket.messages()).toHaveLength(1);
    }
    const later = await SocketClient.hello(url(1), pair.agent.apiKey, ['ack']);
    await later.roundTrip();
    const synced = await call(url(), 'GET', '/v1/messages/sync', { key: pair.agent.apiKey });
    for (const found of [...later.messages(), ...synced.body])
      expect(found.conversation_id).not.toBe(row?.conversationId);
    const history = await call(url(), 'GET', `/v1/messages/${row?.conversationId}`, { key: pair.agent.apiKey });
    expect(history.body.map(({ content }: Parsed) => content.text)).toEqual(['Nobody has to be told']);
    [plain, later, caller, agent, pair.socket].forEach((one) => one.end());
  });

  test('gateway.md §7: a stop tells what was said, from any process, and for an hour the same again', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair);
    say(agent, 'user', 'One');
    say(agent, 'assistant', 'Two');
    say(agent, 'assistant', 'three '.repeat(1_000));
    await caller.until('transcript', { text: 'three '.repeat(1_000) });
    const stop = (body: object | undefined, node: number) =>
      pair.user.call('POST', `${pair.path}/stop`, { node, ...(body === undefined ? {} : { body }) });
    const stopped = await stop(undefined, 1);
    expect(stopped.body).toEqual({
      transcript: [
        { role: 'user', text: 'One' },
        { role: 'assistant', text: 'Two' },
        { role: 'assistant', text: 'three '.repeat(1_000).slice(0, 4_096) },
        { role: 'assistant', text: 'three '.repeat(1_000).slice(4_096) },
      ],
      messages_saved: 4,
      duration_seconds: expect.any(Number),
      reason: 'stopped',
    });
    expect((await caller.untilClosed()).code).toBe(1000);
    expect(caller.of('saved')).toMatchObject([{ messages_saved: 4 }]);
    expect((await stop({ voice_session_id: started.voice_session_id }, 0)).body).toEqual(stopped.body);
    expect((await stop(undefined, 1)).body).toEqual(stopped.body);
    const { body } = await pair.user.call('GET', `${pair.path}/status`);
    expect(body.session).toMatchObject({ state: 'ended', end_reason: 'stopped', caller_connected: false });
    await database.gatewayVoices.updateOne({ _id: started.voice_session_id }, { $set: { expiresAt: new Date() } });
    expect((await stop(undefined, 0)).body.code).toBe('VOICE_SESSION_NOT_FOUND');
    pair.socket.end();
  });

  test('gateway.md §8.2: what is said in a talk answers nothing that was written in the same session', async () => {
    const pair = await voicePair(stack, database);
    const { agent: account, user } = pair;
    const handle = account.agent.handle;
    const { body: chat } = await user.call('POST', `/agents/${handle}/chat`, {
      body: { message: 'An open question', timeout_seconds: 1 },
    });
    const { session_id: sessionId, execution_id: executionId } = chat.details;
    const { started, caller, agent } = await talk(pair, { body: { session_id: sessionId } });
    expect(started.chat_session_id).toBe(sessionId);
    say(agent, 'assistant', 'Spoken');
    await untilSaved(pair, sessionId, 2);
    const execution = await user.call('GET', `/api/agents/${handle}/executions/${executionId}`);
    expect(execution.body).toMatchObject({ status: 'queued', response: null, late_response: null });
    [caller, agent, pair.socket].forEach((one) => one.end());
  });

  test('gateway.md §4.3: a talk takes a session of its caller only, and an open one', async () => {
    const [pair, other] = await Promise.all([voicePair(stack, database), voicePair(stack, database)]);
    const { body: foreign } = await other.user.call('POST', `/agents/${other.agent.agent.handle}/conversations`, {
      body: {},
    });
    const { body: own } = await pair.user.call('POST', `/agents/${pair.agent.agent.handle}/conversations`, {
      body: {},
    });
    await pair.user.call('POST', `/api/agents/${pair.agent.agent.handle}/chat/sessions/${own.id}/close`);
    const codes: unknown[] = [];
    for (const id of ['ses_0000000000000000', foreign.id, own.id]) {
      codes.push((await pair.user.call('POST', `${pair.path}/start`, { body: { session_id: id } })).body.code);
    }
    expect(codes).toEqual(['SESSION_NOT_FOUND', 'SESSION_NOT_FOUND', 'SESSION_CLOSED']);
    expect(await database.gatewayVoices.countDocuments({ agentId: pair.agent.agent._id })).toBe(0);
    [pair.socket, other.socket].forEach((one) => one.end());
  });

  test('gateway.md §1.1: an agent that blocks the user of a talk ends it with its next line', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair);
    say(agent, 'assistant', 'Hello');
    await untilSaved(pair, started.chat_session_id, 1);
    const session = await database.gatewaySessions.findOne({ _id: started.chat_session_id });
    const blocked = await call(url(), 'POST', `/v1/contacts/${session?.guestHandle}/block`, { key: pair.agent.apiKey });
    expect(blocked.status).toBeLessThan(300);
    say(agent, 'user', 'Are you there?');
    expect((await caller.untilClosed()).code).toBe(1000);
    expect(caller.of('status').at(-1)).toMatchObject({ state: 'ended', reason: 'error' });
    pair.socket.end();
  });
});
