import type { Parsed } from '../support/agents';
import type { ApiChild } from '../support/stack';
import { useStackEach } from '../support/use-stack';
import { speech, talk, voicePair, type VoicePair, type VoiceSocket } from '../support/voice';
import { waitFor } from '../support/wait';

/** gateway.md §7, §14: what a talk outlives. */
describe('talks and processes that end', () => {
  const { stack, database, url } = useStackEach({ apis: 3, workers: 1 });

  function apiAt(node: number): ApiChild {
    const api = stack.apis.find(({ baseUrl }) => baseUrl === url(node));
    if (api === undefined) throw new Error('no such api');
    return api;
  }
  const say = (agent: VoiceSocket, role: string, text: string) =>
    agent.send({ type: 'transcript', role, text, final: true });
  const untilSaved = (sessionId: string, count: number) =>
    waitFor(async () => (await database.gatewaySessions.findOne({ _id: sessionId }))?.messageCount === count);

  /** Both sides of a talk without a home, once they hear each other: who is sent away comes again, as clients do. */
  async function meetAgain(pair: VoicePair, started: Parsed, [callerNode, agentNode]: [number, number]) {
    for (;;) {
      const [caller, agent] = [await pair.comeBack(started, callerNode), await pair.answer(started, agentNode)];
      caller.send(speech(1));
      await waitFor(() => agent.heard.length > 0 || caller.closed !== null || agent.closed !== null);
      if (agent.heard.length > 0) return { caller, agent };
      expect([caller.closed?.code, agent.closed?.code]).toContain(1012);
      [caller, agent].forEach((one) => one.end());
    }
  }

  test('gateway#11: the home of a talk is killed: every saved line is there, and both sides go on elsewhere', async () => {
    const pair = await voicePair(stack, database);
    // The caller's process is the home; the agent is passed on to it.
    const { started, caller, agent } = await talk(pair, { callerNode: 0, agentNode: 1 });
    say(agent, 'user', 'Before');
    say(agent, 'assistant', 'the end');
    await untilSaved(started.chat_session_id, 2);
    await stack.kill(apiAt(0));
    await Promise.all([caller.untilClosed(), agent.untilClosed()]);
    expect(agent.closed?.code).toBe(1012);
    const { caller: again, agent: back } = await meetAgain(pair, started, [0, 1]);
    say(back, 'assistant', 'After');
    await again.until('transcript', { text: 'After' });
    const stopped = await pair.user.call('POST', `${pair.path}/stop`, { node: 1 });
    expect(stopped.body).toMatchObject({
      transcript: [
        { role: 'user', text: 'Before' },
        { role: 'assistant', text: 'the end' },
        { role: 'assistant', text: 'After' },
      ],
      messages_saved: 3,
      reason: 'stopped',
    });
    pair.socket.end();
  });

  test('gateway.md §7: a process that shuts down sends both sides to another one, and the talk goes on', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair, { callerNode: 0, agentNode: 0 });
    await stack.terminate(apiAt(0));
    expect([await caller.untilClosed(), await agent.untilClosed()]).toMatchObject([{ code: 1001 }, { code: 1001 }]);
    const { caller: again, agent: back } = await meetAgain(pair, started, [1, 0]);
    expect((await database.gatewayVoices.findOne({ _id: started.voice_session_id }))?.messagesSaved).toBe(0);
    [again, back, pair.socket].forEach((one) => one.end());
  });

  test('gateway.md §7: a home that dies and nobody comes back to is over; the next talk can begin', async () => {
    const pair = await voicePair(stack, database);
    const { started } = await talk(pair, { callerNode: 0, agentNode: 0 });
    await stack.kill(apiAt(0));
    const status = () => pair.user.call('GET', `${pair.path}/status`);
    const { body } = await waitFor(async () => {
      const answer = await status();
      return answer.body.session.state === 'ended' ? answer : null;
    });
    expect(body.session).toMatchObject({ voice_session_id: started.voice_session_id, end_reason: 'error' });
    expect((await pair.user.call('POST', `${pair.path}/start`)).status).toBe(200);
    pair.socket.end();
  });
});
