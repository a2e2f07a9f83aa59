import { call, type Parsed } from '../support/agents';
import { codeFor } from '../support/codes';
import { pace } from '../support/pace';
import { useStack } from '../support/use-stack';
import { speech, talk, voicePair, VoiceSocket, type VoicePair } from '../support/voice';
import { waitFor } from '../support/wait';

/** gateway.md §2, §7: what sends one side of a talk away, or ends it, while the others go on. */
describe('talks that lose a side', () => {
  const { stack, database, url } = useStack({ apis: 2 });

  /** A talk that an application has started with a key of its user. */
  async function talkByKey(pair: VoicePair) {
    const { id: keyId, key } = (await pair.user.call('POST', '/api/keys', { body: { name: 'app' } })).body;
    const { body } = await call(url(), 'POST', `${pair.path}/start`, { key: key as string });
    const started = body as Parsed;
    const [caller, agent] = [await pair.enter(started), await pair.answer(started, 1)];
    await caller.until('status', { state: 'listening' });
    return { keyId: keyId as string, caller, agent };
  }

  test('gateway.md §2: with the key that started it a talk ends, those of other keys go on', async () => {
    const pairs = await Promise.all([voicePair(stack, database), voicePair(stack, database)]);
    const [revoked, other] = await Promise.all([talkByKey(pairs[0]), talkByKey(pairs[1])]);
    expect((await pairs[0].user.call('DELETE', `/api/keys/${revoked.keyId}`)).status).toBe(204);
    expect((await revoked.caller.untilClosed()).code).toBe(1000);
    expect(revoked.caller.of('status').at(-1)).toMatchObject({ state: 'ended', reason: 'stopped' });
    expect(await revoked.agent.until('ended')).toEqual({ type: 'ended', reason: 'stopped' });
    other.caller.send(speech(1));
    await other.agent.untilHeard(1);
    expect([other.caller.closed, other.agent.closed]).toEqual([null, null]);
    [other.caller, other.agent, ...pairs.map(({ socket }) => socket)].forEach((one) => one.end());
  });

  test('conventions.md §17: a rotated key sends its agent out of a talk; with the new one it goes on', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair, { agentNode: 1 });
    const { agent: account, apiKey: key } = pair.agent;
    const rotation = `/v1/agents/${account.handle}/rotate-key`;
    const { pending_id } = (await call(url(), 'POST', rotation, { key })).body;
    const body = { pending_id, code: await codeFor(stack, account.email) };
    const { api_key } = (await call(url(), 'POST', `${rotation}/verify`, { key, body })).body;
    expect(await agent.untilClosed()).toEqual({ code: 1008, reason: 'API key rotated' });
    const hello = async (apiKey: string): Promise<VoiceSocket> => {
      const answering = await VoiceSocket.open(url(), '/v1/voice/ws');
      answering.send({ type: 'hello', api_key: apiKey, voice_session_id: started.voice_session_id });
      return answering;
    };
    expect((await (await hello(key)).untilClosed()).code).toBe(4001);
    const back = await hello(api_key as string);
    await back.until('ready');
    caller.send(speech(1));
    await back.untilHeard(1);
    expect(caller.closed).toBeNull();
    [caller, back, pair.socket].forEach((one) => one.end());
  });

  test('gateway.md §7: a side that reads not even what is no audio is closed with 1013, and may come back', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair);
    caller.socket.pause();
    const seen = { isGone: false };
    const gone = waitFor(
      async () => (await pair.user.call('GET', `${pair.path}/status`)).body.session.caller_connected === false,
    ).then(() => {
      seen.isGone = true;
      // Before the server gives up waiting for an answer to its close.
      caller.socket.resume();
    });
    // What fits into the buffers of the system between the two comes before what the server holds.
    const text = 'x'.repeat(57_000);
    for (let said = 0; !seen.isGone && said < 400; said += 1) {
      agent.send({ type: 'transcript', role: 'assistant', text, final: false });
      await pace(230, 'as fast as a side may send');
    }
    await gone;
    expect((await caller.untilClosed()).code).toBe(1013);
    const again = await pair.comeBack(started);
    await again.until('status', { state: 'listening' });
    again.send(speech(1));
    await agent.untilHeard(1);
    [again, agent, pair.socket].forEach((one) => one.end());
  });
});
