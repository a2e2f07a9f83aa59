import { SocketClient } from '../realtime/socket-client';
import { createTestAgent } from '../support/agents';
import { signInUser } from '../support/gateway';
import { useStack } from '../support/use-stack';
import { speech, talk, voicePair, VoiceSocket } from '../support/voice';
import { waitFor } from '../support/wait';

/** gateway.md §7: people talk with agents, whichever processes their sockets are on. */
describe('voice', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  test('gateway.md §7: a start calls the agent, and both hear each other over two processes', async () => {
    const pair = await voicePair(stack, database);
    const { agent, socket, user } = pair;
    const started = await pair.start({ voice_name: 'alto' });
    expect(started).toEqual({
      voice_session_id: expect.stringMatching(/^vse_[\w-]{16}$/),
      websocket_url: `${pair.path}/ws?voice_session_id=${started.voice_session_id}`,
      ws_token: expect.stringMatching(/^[\w-]{43}$/),
      ws_token_expires_at: expect.any(String),
      chat_session_id: expect.stringMatching(/^ses_/),
      input_codec: 'pcm_s16le_16000',
      output_codec: 'pcm_s16le_24000',
      max_duration_seconds: 300,
      state: 'connecting',
    });
    const invite = await waitFor(() => socket.frames.find(({ type }) => type === 'voice.invite'));
    expect(invite.payload).toMatchObject({
      voice_session_id: started.voice_session_id,
      conversation_id: null,
      user: { kind: 'owner', is_owner: true },
      input_codecs: ['pcm_s16le_16000'],
      output_codecs: ['pcm_s16le_24000'],
      voice_name: 'alto',
      url: '/v1/voice/ws',
    });
    const caller = await pair.enter(started, 0);
    await caller.until('status', { state: 'connecting' });
    const answering = await pair.answer(started, 1);
    expect(answering.of('ready')).toMatchObject([
      { voice_session_id: started.voice_session_id, input_codec: 'pcm_s16le_16000', output_codec: 'pcm_s16le_24000' },
    ]);
    await caller.until('status', { state: 'listening', reason: null });
    for (const value of [1, 2, 3]) caller.send(speech(value));
    await answering.untilHeard(3);
    expect(answering.heard).toEqual([1, 2, 3].map((value) => speech(value)));
    answering.send({ type: 'status', state: 'speaking' });
    for (const value of [4, 5]) answering.send(speech(value, 960));
    await caller.untilHeard(2);
    expect([caller.heard, caller.forms]).toEqual([[speech(4, 960), speech(5, 960)], new Set(['binary'])]);
    for (const node of [0, 1]) {
      const { body } = await waitFor(async () => {
        const status = await user.call('GET', `${pair.path}/status`, { node });
        return status.body.session.bytes_out === 1_920 ? status : null;
      });
      expect(body).toEqual({
        enabled: true,
        available: true,
        session: {
          voice_session_id: started.voice_session_id,
          state: 'speaking',
          started_at: expect.any(String),
          duration_seconds: expect.any(Number),
          bytes_in: 1_920,
          bytes_out: 1_920,
          dropped_ms: 0,
          agent_connected: true,
          caller_connected: true,
          end_reason: null,
        },
      });
    }
    expect(
      (await user.call('GET', `/api/agents/${agent.agent.handle}/chat/sessions?kind=voice`)).body.sessions,
    ).toMatchObject([{ id: started.chat_session_id, kind: 'voice' }]);
    caller.send({ type: 'end' });
    expect([await caller.untilClosed(), await answering.untilClosed()]).toMatchObject([{ code: 1000 }, { code: 1000 }]);
    expect([caller.of('status').at(-1), caller.of('saved'), answering.of('ended')]).toMatchObject([
      { state: 'ended', reason: 'stopped' },
      [{ messages_saved: 0, duration_seconds: expect.any(Number) }],
      [{ reason: 'stopped' }],
    ]);
    socket.end();
  });

  test('gateway.md §7: audio goes to a caller in the form that it used first; base64 before it said anything', async () => {
    const pair = await voicePair(stack, database);
    const { caller, agent } = await talk(pair);
    agent.send(speech(1, 960));
    await caller.untilHeard(1);
    expect(caller.forms).toEqual(new Set(['text']));
    caller.send({ type: 'audio', data: speech(2).toString('base64') });
    await agent.untilHeard(1);
    expect([agent.heard, agent.forms]).toEqual([[speech(2)], new Set(['binary'])]);
    agent.send({ type: 'audio', data: speech(3, 960).toString('base64') });
    await caller.untilHeard(2);
    caller.send({ type: 'audio', data: speech(4).toString('base64') });
    await agent.untilHeard(2);
    expect([caller.heard[1], [...agent.forms]]).toEqual([speech(3, 960), ['binary']]);
    [caller, agent, pair.socket].forEach((one) => one.end());
  });

  test('gateway#11: without a socket that knows the gateway an agent is offline, and is not called', async () => {
    const [user, other] = await Promise.all([signInUser(stack), createTestAgent(database)]);
    const path = `/api/agents/${other.agent.handle}/voice`;
    const plain = await SocketClient.hello(url(1), other.apiKey, ['ack']);
    const refused = await user.call('POST', `${path}/start`);
    expect([refused.status, refused.body]).toMatchObject([
      503,
      { code: 'VOICE_UNAVAILABLE', details: { reason: 'agent_offline' } },
    ]);
    expect((await user.call('GET', `${path}/status`)).body).toEqual({ enabled: true, available: false, session: null });
    plain.send({ type: 'gateway.subscribe', payload: {} });
    await waitFor(async () => (await user.call('GET', `${path}/status`)).body.available);
    const second = await SocketClient.hello(url(), other.apiKey, ['ack']);
    expect((await user.call('POST', `${path}/start`)).status).toBe(200);
    await waitFor(() => plain.frames.find(({ type }) => type === 'voice.invite'));
    await second.roundTrip();
    expect(second.frames.filter(({ type }) => type === 'voice.invite')).toEqual([]);
    [plain, second].forEach((one) => one.end());
  });

  test('gateway#11: no codec that both take is a 422; else the first of the caller that the agent takes', async () => {
    const pair = await voicePair(stack, database);
    const { user, socket, path, agent } = pair;
    const unknown = await user.call('POST', `${path}/start`, { body: { input_codecs: ['mp3'] } });
    expect([unknown.status, unknown.body]).toMatchObject([
      422,
      { code: 'VALIDATION_ERROR', details: { reason: 'no_common_codec' } },
    ]);
    socket.send({ type: 'gateway.subscribe', payload: { voice: { input_codecs: ['pcm_mulaw_8000', 'opus_48000'] } } });
    await waitFor(() => database.connections.findOne({ agentId: agent.agent._id, 'gateway.input': 'opus_48000' }));
    expect((await user.call('POST', `${path}/start`)).status).toBe(422);
    const body = { input_codecs: ['pcm_s16le_16000', 'opus_48000', 'pcm_mulaw_8000'], output_codecs: ['opus_48000'] };
    const started = await pair.start(body);
    expect([started.input_codec, started.output_codec]).toEqual(['opus_48000', 'opus_48000']);
    const answering = await VoiceSocket.open(url(), '/v1/voice/ws');
    answering.send({
      type: 'hello',
      api_key: agent.apiKey,
      voice_session_id: started.voice_session_id,
      input_codec: 'pcm_mulaw_8000',
    });
    expect((await answering.untilClosed()).code).toBe(1008);
    expect((await user.call('GET', `${path}/status`)).body.session.end_reason).toBe('agent_unavailable');
    socket.end();
  });

  test('gateway.md §7: of many starts at once over two processes one is a talk, all others are 409', async () => {
    const pair = await voicePair(stack, database);
    const { user, path, socket } = pair;
    const starts = await Promise.all(
      Array.from({ length: 6 }, (_, index) => user.call('POST', `${path}/start`, { node: index % 2 })),
    );
    const refused = starts.filter(({ status }) => status !== 200);
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(
      Array(5).fill([409, 'VOICE_SESSION_EXISTS']),
    );
    const stopped = await user.call('POST', `${path}/stop`, { node: 1 });
    expect(stopped.body).toEqual({ transcript: [], messages_saved: 0, duration_seconds: 0, reason: 'stopped' });
    expect((await user.call('POST', `${path}/start`)).status).toBe(200);
    socket.end();
  });

  test('gateway.md §7: talks of others are 404 and 4003, talks that are none 404 and 4004', async () => {
    const pair = await voicePair(stack, database);
    const stranger = await signInUser(stack);
    const started = await pair.start();
    const id = started.voice_session_id;
    const answers = await Promise.all([
      stranger.call('POST', `${pair.path}/stop`),
      stranger.call('POST', `${pair.path}/stop`, { body: { voice_session_id: id } }),
      pair.user.call('POST', `${pair.path}/stop`, { body: { voice_session_id: 'vse_0000000000000000' } }),
    ]);
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      Array(3).fill([404, 'VOICE_SESSION_NOT_FOUND']),
    );
    expect((await stranger.call('GET', `${pair.path}/status`)).body.session).toBeNull();
    const as = (user: typeof stranger) => ({ authorization: `Bearer ${user.owner.accessToken}` });
    const codeOf = async (path: string, headers = {}) =>
      (await (await VoiceSocket.open(url(), path, headers)).untilClosed()).code;
    expect(await codeOf(started.websocket_url, as(stranger))).toBe(4003);
    expect(await codeOf(`/ws/voice/${id}`, as(stranger))).toBe(4003);
    expect(await codeOf('/ws/voice/vse_0000000000000000', as(pair.user))).toBe(4004);
    const { agent: other } = await createTestAgent(database);
    expect(await codeOf(`/api/agents/${other.handle}/voice/ws?voice_session_id=${id}`, as(pair.user))).toBe(4004);
    const intruder = await createTestAgent(database);
    for (const [key, voiceId, code] of [
      [intruder.apiKey, id, 4003],
      ['ac_live_nobody', id, 4001],
      [pair.agent.apiKey, 'vse_0000000000000000', 4004],
    ] as const) {
      const socket = await VoiceSocket.open(url(), '/v1/voice/ws');
      socket.send({ type: 'hello', api_key: key, voice_session_id: voiceId });
      expect([code, (await socket.untilClosed()).code]).toEqual([code, code]);
    }
    pair.socket.end();
  });

  test('gateway.md §7: a token lets one socket in, once, within a minute, and to its own talk', async () => {
    const [pair, other] = await Promise.all([voicePair(stack, database), voicePair(stack, database)]);
    const [started, elsewhere] = await Promise.all([pair.start(), other.start()]);
    const codeOf = async (path: string, headers = {}) =>
      (await (await VoiceSocket.open(url(), path, headers)).untilClosed()).code;
    expect(await codeOf(started.websocket_url)).toBe(4001);
    expect(await codeOf(`${started.websocket_url}&token=made_up`)).toBe(4001);
    expect(await codeOf(started.websocket_url, { authorization: `Bearer ${pair.agent.apiKey}` })).toBe(4001);
    expect(await codeOf(`${started.websocket_url}&token=${elsewhere.ws_token}`)).toBe(4003);
    const caller = await pair.enter(started);
    await caller.until('status', { state: 'connecting' });
    expect(await codeOf(`${started.websocket_url}&token=${started.ws_token}`)).toBe(4001);
    await pair.user.call('POST', `${pair.path}/stop`);
    const late = await pair.start();
    await database.gatewayVoices.updateOne({ _id: late.voice_session_id }, { $set: { tokenExpiresAt: new Date() } });
    expect(await codeOf(`${late.websocket_url}&token=${late.ws_token}`)).toBe(4001);
    [pair.socket, other.socket].forEach((one) => one.end());
  });

  test('gateway#11: an agent that does not come, or does not want to, ends the talk with 4010', async () => {
    const pair = await voicePair(stack, database);
    const started = await pair.start();
    const caller = await pair.enter(started);
    await caller.until('status', { state: 'connecting' });
    // Of the agent's two processes it is not the talk's home that hears it.
    pair.socket.send({ type: 'voice.reject', payload: { voice_session_id: started.voice_session_id, reason: 'busy' } });
    expect((await caller.untilClosed()).code).toBe(4010);
    expect(caller.of('status').at(-1)).toMatchObject({ state: 'ended', reason: 'agent_unavailable' });
    const [again, alone] = [await pair.start(), await voicePair(stack, database)];
    const waiting = await pair.enter(again);
    const unheard = await alone.start();
    expect((await waiting.untilClosed()).code).toBe(4010);
    expect((await (await alone.enter(unheard)).untilClosed()).code).toBe(4010);
    const { body } = await alone.user.call('GET', `${alone.path}/status`);
    expect(body.session).toMatchObject({ state: 'ended', end_reason: 'agent_unavailable', duration_seconds: 0 });
    [pair.socket, alone.socket].forEach((one) => one.end());
  });
});
