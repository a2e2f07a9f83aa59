import { useStack } from '../support/use-stack';
import { pace } from '../support/pace';
import { speech, talk, voicePair } from '../support/voice';
import { waitFor } from '../support/wait';

/** gateway.md §7: what goes on in a talk, over two processes. */
describe('a talk', () => {
  const { stack, database } = useStack({ apis: 2 });

  test('gateway#11: after a barge-in nothing of the old utterance is heard, the next one is', async () => {
    const pair = await voicePair(stack, database);
    const { caller, agent } = await talk(pair, { agentNode: 1 });
    agent.send({ type: 'utterance', utterance_id: 'u1' });
    agent.send(speech(1, 960));
    await caller.untilHeard(1);
    caller.send({ type: 'playback', played_ms: 15 });
    caller.send({ type: 'interrupt' });
    expect(await agent.until('interrupt')).toEqual({ type: 'interrupt', played_ms: 15 });
    expect(await caller.until('clear')).toEqual({ type: 'clear', utterance_id: 'u1' });
    agent.send(speech(2, 960));
    agent.send({ type: 'utterance', utterance_id: 'u2' });
    agent.send(speech(3, 960));
    await caller.untilHeard(2);
    expect(caller.heard).toEqual([speech(1, 960), speech(3, 960)]);
    agent.send({ type: 'clear' });
    await caller.until('clear', { utterance_id: 'u2' });
    agent.send(speech(4, 960));
    agent.send({ type: 'utterance', utterance_id: 'u3' });
    agent.send(speech(5, 960));
    await caller.untilHeard(3);
    expect(caller.heard.at(-1)).toEqual(speech(5, 960));
    caller.send({ type: 'interrupt', played_ms: 3 });
    expect(await agent.until('interrupt', { played_ms: 3 })).toBeDefined();
    [caller, agent, pair.socket].forEach((one) => one.end());
  });

  test('gateway#11: a frame of 70 KB ends its socket with 1009; its sender comes back, and the talk goes on', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair, { callerNode: 1 });
    caller.send(speech(1, 65_536));
    await agent.untilHeard(1);
    caller.send(speech(1, 70_000));
    expect((await caller.untilClosed()).code).toBe(1009);
    const again = await pair.comeBack(started, 1);
    await again.until('status', { state: 'listening' });
    again.send(speech(2));
    await agent.untilHeard(2);
    expect(agent.heard.map(({ length }) => length)).toEqual([65_536, 640]);
    agent.send(speech(1, 70_000));
    expect((await agent.untilClosed()).code).toBe(1009);
    const back = await pair.answer(started);
    again.send(speech(3));
    await back.untilHeard(1);
    [again, back, pair.socket].forEach((one) => one.end());
  });

  test('gateway.md §7: more than a side may send closes its socket with 4008', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair);
    for (let count = 0; count < 400; count += 1) caller.send({ type: 'playback', played_ms: count });
    expect((await caller.untilClosed()).code).toBe(4008);
    for (let count = 0; count < 30; count += 1) agent.send(speech(1, 65_536));
    expect((await agent.untilClosed()).code).toBe(4008);
    const again = await pair.comeBack(started);
    await again.until('status', { state: 'listening' });
    [again, pair.socket].forEach((one) => one.end());
  });

  test('gateway#11: a caller that comes back goes on; a second socket of it replaces the first with 4009', async () => {
    const pair = await voicePair(stack, database);
    const { started, caller, agent } = await talk(pair);
    caller.end();
    const again = await pair.comeBack(started, 1);
    await again.until('status', { state: 'listening' });
    const second = await pair.comeBack(started, 0);
    expect((await again.untilClosed()).code).toBe(4009);
    second.send(speech(1));
    await agent.untilHeard(1);
    const other = await pair.answer(started, 1);
    expect((await agent.untilClosed()).code).toBe(4009);
    other.send(speech(2, 960));
    await second.untilHeard(1);
    second.end();
    // Nobody comes back: the talk is over by itself.
    expect(await other.until('ended')).toEqual({ type: 'ended', reason: 'stopped' });
    pair.socket.end();
  });

  test('gateway#11: a slow caller loses the oldest audio, is told how much, and gets everything else', async () => {
    const pair = await voicePair(stack, database);
    const { caller, agent } = await talk(pair);
    caller.send(speech(1));
    await agent.untilHeard(1);
    caller.socket.pause();
    const droppedMs = async () =>
      (await pair.user.call('GET', `${pair.path}/status`)).body.session.dropped_ms as number;
    // What fits into the buffers of the system between the two is not the server's to drop.
    let sent = 0;
    for (; (await droppedMs()) === 0 && sent < 400; sent += 1) {
      agent.send({ type: 'transcript', role: 'assistant', text: `word ${sent}`, final: false });
      agent.send(speech(sent % 251, 57_600));
      await pace(230, 'as fast as a side may send');
    }
    expect(await droppedMs()).toBeGreaterThan(0);
    caller.socket.resume();
    agent.send({ type: 'transcript', role: 'assistant', text: 'the last word', final: false });
    await caller.until('transcript', { text: 'the last word' });
    expect(caller.of('transcript')).toHaveLength(sent + 1);
    const warned = await waitFor(async () => {
      const told = caller.of('warning').reduce((sum: number, { dropped_ms: ms }) => sum + Number(ms), 0);
      return told >= (await droppedMs()) ? told : null;
    });
    expect([caller.of('warning')[0], warned]).toMatchObject([{ code: 'audio_dropped' }, await droppedMs()]);
    expect(caller.heard.length).toBeLessThan(sent);
    expect(caller.heard.at(-1)).toEqual(speech((sent - 1) % 251, 57_600));
    expect([caller.closed, agent.closed]).toEqual([null, null]);
    [caller, agent, pair.socket].forEach((one) => one.end());
  });

  test('gateway#11: a talk says that it ends soon, and ends when its time is up', async () => {
    const pair = await voicePair(stack, database);
    const { caller, agent } = await talk(pair, { body: { max_duration_seconds: 30 }, agentNode: 1 });
    expect(await caller.until('warning')).toEqual({ type: 'warning', code: 'ending_soon' });
    expect((await caller.untilClosed()).code).toBe(1000);
    expect(caller.of('status').at(-1)).toMatchObject({ state: 'ended', reason: 'limit' });
    const [saved] = caller.of('saved');
    expect([saved.messages_saved, saved.duration_seconds >= 30, saved.duration_seconds < 40]).toEqual([0, true, true]);
    expect(await agent.until('ended')).toEqual({ type: 'ended', reason: 'limit' });
    pair.socket.end();
  });

  test('gateway.md §7: an agent that leaves ends the talk; tools and its state are shown to the caller', async () => {
    const pair = await voicePair(stack, database);
    const { caller, agent } = await talk(pair);
    agent.send({ type: 'tool_call', id: 't1', name: 'search', input: { q: 'trains' } });
    agent.send({ type: 'tool_result', id: 't1', output: 'none', is_error: false });
    agent.send({ type: 'status', state: 'speaking', message: 'Looking' });
    expect(await caller.until('status', { state: 'speaking' })).toMatchObject({ reason: null, message: 'Looking' });
    expect([caller.of('tool_call'), caller.of('tool_result')]).toMatchObject([
      [{ id: 't1', name: 'search', input: { q: 'trains' } }],
      [{ id: 't1', output: 'none', is_error: false }],
    ]);
    agent.send({ type: 'end' });
    expect((await caller.untilClosed()).code).toBe(1000);
    expect(caller.of('status').at(-1)).toMatchObject({ state: 'ended', reason: 'agent_left' });
    pair.socket.end();
  });

  test('gateway.md §2: with the session or the key that started it a talk ends', async () => {
    const pair = await voicePair(stack, database);
    const { caller } = await talk(pair);
    await database.ownerSessions.deleteOne({ _id: pair.user.owner.sessionId });
    expect((await caller.untilClosed()).code).toBe(1000);
    expect(caller.of('status').at(-1)).toMatchObject({ state: 'ended', reason: 'stopped' });
    pair.socket.end();
  });
});
