import { audioMs, negotiateCodec } from '../../domain/voice-codecs';

describe('codecs of voice', () => {
  test.each([
    [undefined, undefined, 'pcm_s16le_16000'],
    [undefined, ['opus_48000'], null],
    [['mp3', 'opus_48000', 'pcm_s16le_16000'], undefined, 'opus_48000'],
    [['opus_48000', 'pcm_mulaw_8000'], ['pcm_s16le_16000', 'pcm_mulaw_8000'], 'pcm_mulaw_8000'],
    [['pcm_s16le_24000'], [], null],
    [[], undefined, null],
    [['mp3'], ['mp3'], null],
  ])('gateway.md §7: of %j and %j the first of the caller that the agent takes is %j', (offered, accepted, codec) => {
    expect(negotiateCodec(offered, accepted, 'pcm_s16le_16000')).toBe(codec);
  });

  test.each([
    ['pcm_s16le_16000', 640, 20],
    ['pcm_s16le_24000', 960, 20],
    ['pcm_mulaw_8000', 160, 20],
    ['pcm_mulaw_8000', 161, 20.125],
  ] as const)('gateway.md §7: %s of %i bytes sounds for %f ms', (codec, bytes, ms) => {
    expect(audioMs(codec, new Uint8Array(bytes))).toBe(ms);
  });

  test('gateway.md §7: nothing, and a sample that is cut in two, is no audio', () => {
    expect(audioMs('pcm_mulaw_8000', new Uint8Array(0))).toBeNull();
    expect(audioMs('pcm_s16le_16000', new Uint8Array(641))).toBeNull();
    expect(audioMs('pcm_s16le_24000', new Uint8Array(1))).toBeNull();
  });

  /** RFC 6716 §3.1: configuration, stereo, code of the number of frames. */
  const packet = (configuration: number, code: number, ...rest: number[]) =>
    new Uint8Array([(configuration << 3) | code, ...rest]);

  test.each([
    ['SILK, 60 ms', packet(3, 0, 1), 60],
    ['hybrid, 20 ms', packet(13, 0, 1), 20],
    ['CELT, 2.5 ms', packet(16, 0, 1), 2.5],
    ['CELT, two of 20 ms', packet(31, 1, 1, 1), 40],
    ['CELT, two of 20 ms, of different sizes', packet(31, 2, 1, 1), 40],
    ['SILK, three of 20 ms', packet(1, 3, 3, 1), 60],
    ['three of 60 ms: more than a packet holds', packet(3, 3, 3, 1), null],
    ['no frames', packet(1, 3, 0), null],
    ['a count that is missing', packet(1, 3), null],
  ])('gateway.md §7: the duration of an Opus packet is read from it: %s', (_, bytes, ms) => {
    expect(audioMs('opus_48000', bytes)).toBe(ms);
  });
});
