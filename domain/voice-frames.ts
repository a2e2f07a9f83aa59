import { TURN_LABEL_LENGTH_MAX } from '../contract/limits';
import { VOICE_AUDIO_BYTES_MAX, VOICE_TEXT_FRAME_BYTES_MAX } from '../contract/voice-limits';
import { beginningOf } from './cuts';
import { isJsonObject } from './json-object';
import { audioMs, isBinaryOnly, type VoiceCodec } from './voice-codecs';

/** What comes over voice sockets: gateway.md §7. */

/** In which form audio comes. */
export type AudioForm = 'text' | 'binary';

export interface AudioFrame {
  kind: 'audio';
  form: AudioForm;
  audio: Uint8Array;
  ms: number;
}

/** A frame that is too large ends its socket; one that is not understood is passed over. */
export type BadFrame = { kind: 'too_big' } | { kind: 'unknown' };

/** A part of what was said, in words. */
export interface TranscriptFrame {
  kind: 'transcript';
  role: 'user' | 'assistant';
  text: string;
  isFinal: boolean;
}

export type CallerFrame =
  | AudioFrame
  | BadFrame
  | { kind: 'end' }
  | { kind: 'interrupt'; playedMs: number | null }
  | { kind: 'playback'; playedMs: number };

export type AgentFrame =
  | AudioFrame
  | BadFrame
  | TranscriptFrame
  | { kind: 'utterance'; utteranceId: string }
  | { kind: 'status'; state: 'listening' | 'speaking'; message: string | null }
  | { kind: 'clear'; utteranceId: string | null }
  /** As it is to be shown. */
  | { kind: 'tool'; frame: object }
  | { kind: 'end' };

/** @param codec what the caller speaks */
export function parseCallerFrame(data: Uint8Array, isBinary: boolean, codec: VoiceCodec): CallerFrame {
  const frame = parse(data, isBinary, codec);
  if ('kind' in frame) return frame;
  const { fields } = frame;
  switch (fields['type']) {
    case 'end':
      return { kind: 'end' };
    case 'interrupt':
      return { kind: 'interrupt', playedMs: msOf(fields['played_ms']) };
    case 'playback': {
      const playedMs = msOf(fields['played_ms']);
      return playedMs === null ? UNKNOWN : { kind: 'playback', playedMs };
    }
    default:
      return UNKNOWN;
  }
}

/** @param codec what the agent speaks */
export function parseAgentFrame(data: Uint8Array, isBinary: boolean, codec: VoiceCodec): AgentFrame {
  const frame = parse(data, isBinary, codec);
  if ('kind' in frame) return frame;
  const { fields } = frame;
  const { type } = fields;
  switch (type) {
    case 'end':
      return { kind: 'end' };
    case 'utterance': {
      const utteranceId = idOf(fields['utterance_id']);
      return utteranceId === null ? UNKNOWN : { kind: 'utterance', utteranceId };
    }
    case 'clear':
      return { kind: 'clear', utteranceId: idOf(fields['utterance_id']) };
    case 'transcript':
      return transcriptOf(fields);
    case 'status':
      return statusOf(fields);
    case 'tool_call':
    case 'tool_result':
      return toolOf(type, fields);
    default:
      return UNKNOWN;
  }
}

/** A frame of audio as it goes out in a form. */
export const audioText = (audio: Uint8Array): string =>
  JSON.stringify({ type: 'audio', data: Buffer.from(audio).toString('base64') });

const UNKNOWN: BadFrame = { kind: 'unknown' };
const TOO_BIG: BadFrame = { kind: 'too_big' };
const ID_LENGTH_MAX = 128;

function parse(
  data: Uint8Array,
  isBinary: boolean,
  codec: VoiceCodec,
): AudioFrame | BadFrame | { fields: Record<string, unknown> } {
  if (isBinary) return audioOf(data, 'binary', codec);
  if (data.length > VOICE_TEXT_FRAME_BYTES_MAX) return TOO_BIG;
  const fields = objectIn(data);
  if (fields === null) return UNKNOWN;
  if (fields['type'] !== 'audio') return { fields };
  const encoded = fields['data'];
  if (isBinaryOnly(codec) || typeof encoded !== 'string') return UNKNOWN;
  return audioOf(Buffer.from(encoded, 'base64'), 'text', codec);
}

function audioOf(audio: Uint8Array, form: AudioForm, codec: VoiceCodec): AudioFrame | BadFrame {
  if (audio.length > VOICE_AUDIO_BYTES_MAX) return TOO_BIG;
  const ms = audioMs(codec, audio);
  return ms === null ? UNKNOWN : { kind: 'audio', form, audio, ms };
}

/** The parse point of frames: an object whose fields are not known yet. */
function objectIn(data: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function transcriptOf({ role, text, final }: Record<string, unknown>): TranscriptFrame | BadFrame {
  if ((role !== 'user' && role !== 'assistant') || typeof text !== 'string') return UNKNOWN;
  return { kind: 'transcript', role, text, isFinal: final === true };
}

function statusOf({ state, message }: Record<string, unknown>): AgentFrame {
  if (state !== 'listening' && state !== 'speaking') return UNKNOWN;
  const said = typeof message === 'string' ? beginningOf(message, TURN_LABEL_LENGTH_MAX) : null;
  return { kind: 'status', state, message: said };
}

/** What agents tell of their tools goes on as it is told for turns (gateway.md §8.3), without whatever else is in the frame. */
function toolOf(type: 'tool_call' | 'tool_result', fields: Record<string, unknown>): AgentFrame {
  const names = type === 'tool_call' ? ['id', 'name', 'input'] : ['id', 'output', 'is_error', 'duration_ms'];
  const shown = names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]] as const]));
  return { kind: 'tool', frame: { type, ...Object.fromEntries(shown) } };
}

const idOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' && value.length <= ID_LENGTH_MAX ? value : null;

const msOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.floor(value) : null;
