import { VOICE_BYTES_PER_SECOND, VOICE_FRAMES_PER_SECOND } from '../../contract/voice-limits';
import { DropNotes } from '../../domain/voice-drops';
import { VoiceRate } from '../../domain/voice-rate';
import { endDue, isEndingSoon, talkedSeconds, talkOf, type VoiceTimes } from '../../domain/voice-session';
import { Utterances } from '../../domain/voice-utterances';

describe('the life of a talk', () => {
  const live: VoiceTimes = {
    createdAtMs: 0,
    liveAtMs: 1_000,
    agentGoneAtMs: null,
    callerGoneAtMs: null,
    lastAudioAtMs: 1_000,
    maxMs: 300_000,
  };
  const at = (seconds: number, change: Partial<VoiceTimes> = {}) => endDue({ ...live, ...change }, seconds * 1_000);

  test('gateway.md §7: an agent that does not come within 30 s is unavailable', () => {
    const alone = { createdAtMs: 0, liveAtMs: null, callerGoneAtMs: null, lastAudioAtMs: 0, maxMs: 300_000 };
    expect([endDue(alone, 29_999), endDue(alone, 30_000)]).toEqual([null, 'agent_unavailable']);
  });

  test('gateway.md §7: a caller whose token is too old before it came does not come any more', () => {
    const waiting = { createdAtMs: 0, liveAtMs: null, agentGoneAtMs: null, lastAudioAtMs: 0, maxMs: 300_000 };
    expect([endDue(waiting, 59_999), endDue(waiting, 60_000)]).toEqual([null, 'stopped']);
  });

  test('gateway.md §7: either side may come back within 15 s', () => {
    const audible = { lastAudioAtMs: 10_000 };
    expect(at(24.999, { ...audible, callerGoneAtMs: 10_000 })).toBeNull();
    expect(at(25, { ...audible, callerGoneAtMs: 10_000 })).toBe('stopped');
    expect(at(24.999, { ...audible, agentGoneAtMs: 10_000 })).toBeNull();
    expect(at(25, { ...audible, agentGoneAtMs: 10_000 })).toBe('agent_left');
  });

  test('gateway.md §7: 120 s without audio of either side end it, counted from when both are there', () => {
    expect([at(120.999), at(121)]).toEqual([null, 'idle']);
    expect(at(121, { lastAudioAtMs: 2_000 })).toBeNull();
    expect(at(122, { lastAudioAtMs: 2_000 })).toBe('idle');
  });

  test('gateway.md §7: its time is up when it is up, and 30 s before its users are told', () => {
    const talking = { lastAudioAtMs: 300_000 };
    expect([at(300.999, talking), at(301, talking)]).toEqual([null, 'limit']);
    expect([isEndingSoon(live, 270_999), isEndingSoon(live, 271_000)]).toEqual([false, true]);
    expect(isEndingSoon({ ...live, liveAtMs: null }, 900_000)).toBe(false);
  });

  test('gateway.md §7: a talk has lasted since both sides were there', () => {
    expect(talkedSeconds(null, new Date(9_000))).toBe(0);
    expect(talkedSeconds(new Date(1_000), new Date(10_999))).toBe(9);
  });

  test('gateway.md §7: a line of a talk says of which it is; nothing else is one', () => {
    expect(talkOf({ gateway: { voice: { voice_session_id: 'vse_1', at_ms: 1 } } })).toBe('vse_1');
    for (const metadata of [
      {},
      { gateway: 1 },
      { gateway: { voice: {} } },
      { gateway: { voice: { voice_session_id: '' } } },
    ])
      expect(talkOf(metadata)).toBeNull();
  });
});

describe('barge-in', () => {
  test('gateway#11: an interrupted utterance is never wanted again, the next one is', () => {
    const utterances = new Utterances();
    utterances.begin('u1');
    expect(utterances.isWanted('u1')).toBe(true);
    expect(utterances.interrupt()).toBe('u1');
    utterances.begin('u2');
    expect([utterances.isWanted('u1'), utterances.isWanted('u2')]).toEqual([false, true]);
    utterances.begin('u1');
    expect(utterances.isWanted(utterances.current)).toBe(false);
  });

  test('gateway.md §7: what has no name cannot be told from what comes next', () => {
    const utterances = new Utterances();
    expect(utterances.interrupt()).toBeNull();
    expect(utterances.isWanted(null)).toBe(true);
  });

  test('gateway.md §7: so many interrupted utterances are remembered, the oldest of them is forgotten', () => {
    const utterances = new Utterances();
    for (let index = 0; index <= 64; index += 1) utterances.interrupt(`u${index}`);
    expect([utterances.isWanted('u0'), utterances.isWanted('u1'), utterances.isWanted('u64')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('what a side may send', () => {
  test('gateway.md §7: 100 frames a second over time, twice as many at once', () => {
    const rate = new VoiceRate(0);
    for (let index = 0; index < 2 * VOICE_FRAMES_PER_SECOND; index += 1) expect(rate.take(1, 0)).toBe(true);
    expect(rate.take(1, 0)).toBe(false);
    const steady = new VoiceRate(0);
    for (let ms = 0; ms < 60_000; ms += 1_000 / VOICE_FRAMES_PER_SECOND) expect(steady.take(1, ms)).toBe(true);
  });

  test('gateway.md §7: 256 KiB a second over time, twice as much at once', () => {
    const second = VOICE_BYTES_PER_SECOND;
    const rate = new VoiceRate(0);
    expect([rate.take(2 * second, 0), rate.take(second, 1_000), rate.take(1, 1_000)]).toEqual([true, true, false]);
    expect(new VoiceRate(0).take(2 * second + 1, 0)).toBe(false);
  });

  test('gateway.md §7: silence saves up no more than the burst, and clocks that go back change nothing', () => {
    const rate = new VoiceRate(0);
    expect(rate.take(2 * VOICE_BYTES_PER_SECOND + 1, 3_600_000)).toBe(false);
    const other = new VoiceRate(1_000);
    expect([other.take(1, 0), other.take(1, 1_000)]).toEqual([true, true]);
  });
});

describe('warnings of audio that was dropped', () => {
  test('gateway#11: one a second at most, and together they tell all of it', () => {
    const notes = new DropNotes();
    expect(notes.due(0)).toBeNull();
    notes.add(20.5);
    expect(notes.due(0)).toBe(21);
    notes.add(20);
    notes.add(30);
    expect([notes.due(999), notes.due(1_000), notes.due(5_000)]).toEqual([null, 50, null]);
  });
});
