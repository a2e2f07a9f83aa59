/** How voice is written down: gateway.md §7. All are mono; the server knows their pace and nothing else of them. */

export type VoiceCodec = 'pcm_s16le_16000' | 'pcm_s16le_24000' | 'pcm_mulaw_8000' | 'opus_48000';

/** Bytes of a millisecond; null where packets tell it. */
const BYTES_PER_MS: Record<VoiceCodec, number | null> = {
  pcm_s16le_16000: 32,
  pcm_s16le_24000: 48,
  pcm_mulaw_8000: 8,
  opus_48000: null,
};

const CODECS = Object.keys(BYTES_PER_MS) as VoiceCodec[];

/** What a caller speaks and hears that names nothing. */
export const DEFAULT_CODECS = { input: 'pcm_s16le_16000', output: 'pcm_s16le_24000' } as const;

/**
 * The first codec of the caller's list that the agent takes, too.
 * @param offered absent: the usual one
 * @param accepted absent: all that the server knows
 */
export function negotiateCodec(
  offered: readonly string[] | undefined,
  accepted: readonly string[] | undefined,
  usual: VoiceCodec,
): VoiceCodec | null {
  const known = (offered ?? [usual]).flatMap((name) => CODECS.find((codec) => codec === name) ?? []);
  return known.find((codec) => accepted?.includes(codec) ?? true) ?? null;
}

/** Each packet of these is a frame: nothing tells where one ends in a text. */
export const isBinaryOnly = (codec: VoiceCodec): boolean => codec === 'opus_48000';

/** How long a frame of audio sounds, in milliseconds; null: it is no audio of this codec. */
export function audioMs(codec: VoiceCodec, audio: Uint8Array): number | null {
  const bytesPerMs = BYTES_PER_MS[codec];
  if (audio.length === 0) return null;
  if (bytesPerMs === null) return opusPacketMs(audio);
  // A sample of sixteen bits that is cut in two would turn all that follows into noise.
  if (codec !== 'pcm_mulaw_8000' && audio.length % 2 !== 0) return null;
  return audio.length / bytesPerMs;
}

/** Milliseconds of one frame by the configuration in a packet's first byte (RFC 6716 §3.1, table 2). */
function opusFrameMs(configuration: number): number {
  const place = configuration % 4;
  if (configuration < 12) return [10, 20, 40, 60][place] ?? 20;
  if (configuration < 16) return place % 2 === 0 ? 10 : 20;
  return [2.5, 5, 10, 20][place] ?? 20;
}

/** An Opus packet holds 120 ms at most (RFC 6716 §3.2.5). */
const OPUS_PACKET_MS_MAX = 120;

function opusPacketMs(packet: Uint8Array): number | null {
  const [toc = 0, frames = 0] = packet;
  const code = toc & 3;
  if (code === 3 && packet.length < 2) return null;
  const count = code === 0 ? 1 : code === 3 ? frames & 63 : 2;
  const ms = count * opusFrameMs(toc >> 3);
  return ms > 0 && ms <= OPUS_PACKET_MS_MAX ? ms : null;
}
