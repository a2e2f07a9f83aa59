import { VOICE_AUDIO_BYTES_MAX, VOICE_TEXT_FRAME_BYTES_MAX } from '../../contract/voice-limits';
import { audioText, parseAgentFrame, parseCallerFrame } from '../../domain/voice-frames';

const json = (frame: unknown) => Buffer.from(typeof frame === 'string' ? frame : JSON.stringify(frame));
const caller = (frame: unknown) => parseCallerFrame(json(frame), false, 'pcm_s16le_16000');
const agent = (frame: unknown) => parseAgentFrame(json(frame), false, 'pcm_s16le_24000');
const UNKNOWN = { kind: 'unknown' };

describe('frames of voice sockets', () => {
  test('gateway.md §7: audio comes as raw bytes or as base64 in a text, and is the same', () => {
    const audio = Buffer.from([1, 2, 3, 4]);
    const [binary, text] = [parseCallerFrame(audio, true, 'pcm_mulaw_8000'), caller(audioText(audio))];
    expect(binary).toEqual({ kind: 'audio', form: 'binary', audio, ms: 0.5 });
    expect(text).toEqual({ kind: 'audio', form: 'text', audio, ms: 0.125 });
  });

  test('gateway.md §7: a packet of Opus comes as raw bytes only', () => {
    const packet = Buffer.from([0xf8, 1, 2]);
    expect(parseCallerFrame(packet, true, 'opus_48000')).toMatchObject({ kind: 'audio', ms: 20 });
    expect(parseCallerFrame(json(audioText(packet)), false, 'opus_48000')).toEqual(UNKNOWN);
  });

  test('gateway#11: audio of 65,536 bytes passes in either form, one sample more is too big', () => {
    const [most, more] = [Buffer.alloc(VOICE_AUDIO_BYTES_MAX), Buffer.alloc(VOICE_AUDIO_BYTES_MAX + 2)];
    expect(parseCallerFrame(most, true, 'pcm_s16le_16000').kind).toBe('audio');
    expect(parseCallerFrame(more, true, 'pcm_s16le_16000').kind).toBe('too_big');
    expect([caller(audioText(most)).kind, caller(audioText(more)).kind]).toEqual(['audio', 'too_big']);
  });

  test('gateway.md §7: a text frame of more than 98,304 bytes is too big, whatever is in it', () => {
    const text = (bytes: number) => JSON.stringify({ type: 'end', x: 'x'.repeat(bytes - 21) });
    expect(text(100)).toHaveLength(100);
    expect(caller(text(VOICE_TEXT_FRAME_BYTES_MAX))).toEqual({ kind: 'end' });
    expect(caller(text(VOICE_TEXT_FRAME_BYTES_MAX + 1))).toEqual({ kind: 'too_big' });
  });

  test('gateway.md §7: callers end, interrupt and tell what they have played', () => {
    expect(caller({ type: 'end' })).toEqual({ kind: 'end' });
    expect(caller({ type: 'interrupt' })).toEqual({ kind: 'interrupt', playedMs: null });
    expect(caller({ type: 'interrupt', played_ms: 740.9 })).toEqual({ kind: 'interrupt', playedMs: 740 });
    expect(caller({ type: 'playback', played_ms: 20 })).toEqual({ kind: 'playback', playedMs: 20 });
  });

  test('gateway.md §7: agents name utterances, tell how they are, and give up', () => {
    expect(agent({ type: 'utterance', utterance_id: 'u1' })).toEqual({ kind: 'utterance', utteranceId: 'u1' });
    expect(agent({ type: 'clear' })).toEqual({ kind: 'clear', utteranceId: null });
    expect(agent({ type: 'status', state: 'speaking', message: 'x'.repeat(300) })).toEqual({
      kind: 'status',
      state: 'speaking',
      message: 'x'.repeat(200),
    });
    expect(agent({ type: 'transcript', role: 'user', text: 'Hi', final: true })).toEqual({
      kind: 'transcript',
      role: 'user',
      text: 'Hi',
      isFinal: true,
    });
    expect(agent({ type: 'transcript', role: 'assistant', text: 'H' })).toMatchObject({ isFinal: false });
  });

  test('gateway.md §7: of a tool only what belongs to it is shown', () => {
    const call = { type: 'tool_call', id: 't1', name: 'search', input: { q: 'x' } };
    expect(agent({ ...call, secret: 1 })).toEqual({ kind: 'tool', frame: call });
    const result = { type: 'tool_result', id: 't1', output: [1], is_error: false };
    expect(agent({ ...result, name: 'search' })).toEqual({ kind: 'tool', frame: result });
  });

  test('gateway.md §7: an agent cannot say that the talk has ended, nor anything that is not as described', () => {
    for (const frame of [
      { type: 'status', state: 'ended' },
      { type: 'status' },
      { type: 'transcript', role: 'system', text: 'x', final: true },
      { type: 'transcript', role: 'user', text: 7 },
      { type: 'utterance', utterance_id: 7 },
      { type: 'utterance', utterance_id: 'x'.repeat(129) },
      { type: 'saved' },
      [],
      'null',
      '{',
      '',
    ])
      expect([frame, agent(frame)]).toEqual([frame, UNKNOWN]);
    for (const frame of [
      { type: 'playback' },
      { type: 'playback', played_ms: -1 },
      { type: 'clear' },
      { type: 'audio' },
    ])
      expect([frame, caller(frame)]).toEqual([frame, UNKNOWN]);
  });
});
