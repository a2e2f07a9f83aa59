import { z } from 'zod';
import { optional } from './optional';
import { VOICE_CODECS_MAX, VOICE_NAME_LENGTH_MAX, VOICE_REASON_LENGTH_MAX, VOICE_SECONDS } from './voice-limits';
import { boundedText } from './text';

/** Talks with agents: gateway.md §7. */

/** Names of codecs, the preferred one first; of those that the server does not know none is taken. */
const codecs = optional(z.array(boundedText({ max: 64 })).max(VOICE_CODECS_MAX));

export const startVoiceSchema = z.object({
  session_id: optional(z.string()),
  input_codecs: codecs,
  output_codecs: codecs,
  voice_name: optional(boundedText({ max: VOICE_NAME_LENGTH_MAX })),
  max_duration_seconds: z
    .number()
    .int()
    .min(VOICE_SECONDS.min)
    .max(VOICE_SECONDS.max)
    .nullish()
    .transform((seconds) => seconds ?? VOICE_SECONDS.default)
    .meta({ default: VOICE_SECONDS.default }),
});

const time = z.iso.datetime();
const count = z.number().int();

export const voiceStartedSchema = z
  .object({
    voice_session_id: z.string(),
    websocket_url: z.string(),
    ws_token: z.string(),
    ws_token_expires_at: time,
    chat_session_id: z.string(),
    input_codec: z.string(),
    output_codec: z.string(),
    max_duration_seconds: count,
    state: z.literal('connecting'),
  })
  .meta({ id: 'VoiceStarted' });

export const stopVoiceSchema = z.object({ voice_session_id: optional(z.string()) });

/** gateway.md §7: why a talk has ended. */
const endReason = z.enum(['stopped', 'limit', 'agent_unavailable', 'agent_left', 'idle', 'error']);

export const voiceStoppedSchema = z
  .object({
    transcript: z.array(z.object({ role: z.enum(['user', 'assistant']), text: z.string() })),
    messages_saved: count,
    duration_seconds: count,
    reason: endReason,
  })
  .meta({ id: 'VoiceStopped' });

export const voiceStatusSchema = z
  .object({
    enabled: z.boolean(),
    available: z.boolean(),
    session: z
      .object({
        voice_session_id: z.string(),
        state: z.enum(['connecting', 'listening', 'speaking', 'ended']),
        started_at: time,
        duration_seconds: count,
        bytes_in: count,
        bytes_out: count,
        dropped_ms: count,
        agent_connected: z.boolean(),
        caller_connected: z.boolean(),
        end_reason: endReason.nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'VoiceStatus' });

/** The first frame of an agent's voice socket. */
export const voiceHelloSchema = z.object({
  type: z.literal('hello'),
  api_key: z.string(),
  voice_session_id: boundedText({ max: 64 }),
  input_codec: optional(z.string()),
  output_codec: optional(z.string()),
});

/** `voice.reject` of an agent, over its usual socket. */
export const voiceRejectSchema = z.object({
  voice_session_id: boundedText({ max: 64 }),
  reason: optional(boundedText({ max: VOICE_REASON_LENGTH_MAX })),
});

/** `gateway.subscribe`: what the agent's voice can take. Absent: everything. */
export const gatewaySubscribeSchema = z.object({
  voice: optional(z.object({ input_codecs: codecs, output_codecs: codecs })),
});

export type StartVoiceBody = z.output<typeof startVoiceSchema>;
export type VoiceStartedView = z.infer<typeof voiceStartedSchema>;
export type VoiceStoppedView = z.infer<typeof voiceStoppedSchema>;
export type VoiceStatusView = z.infer<typeof voiceStatusSchema>;
export type VoiceHello = z.output<typeof voiceHelloSchema>;
