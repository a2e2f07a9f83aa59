import type { VoiceEnd, VoiceState } from '../../domain/voice-session';
import type { GatewayVoice } from '../../store/schema/collections/voice';

/** The caller's socket is closed with it. */
export const closeCodeOf = (reason: VoiceEnd): number => (reason === 'agent_unavailable' ? 4010 : 1000);

/** What callers are told of an end, in words. */
const END_TEXTS: Record<VoiceEnd, string> = {
  stopped: 'The talk was stopped',
  limit: 'The time of the talk is up',
  agent_unavailable: 'The agent did not come',
  agent_left: 'The agent has left',
  idle: 'Nobody has said anything for a while',
  error: 'The talk broke off',
};

export const endedFrame = (reason: VoiceEnd): object => ({
  type: 'status',
  state: 'ended',
  reason,
  message: END_TEXTS[reason],
});

export const statusFrame = (state: VoiceState, message: string | null = null): object => ({
  type: 'status',
  state,
  reason: null,
  message,
});

export const readyFrame = ({ _id, sessionId, inputCodec, outputCodec, maxSeconds }: GatewayVoice): object => ({
  type: 'ready',
  voice_session_id: _id,
  session_id: sessionId,
  input_codec: inputCodec,
  output_codec: outputCodec,
  max_duration_seconds: maxSeconds,
});
