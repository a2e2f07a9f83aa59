import type { VoiceStartedView, VoiceStatusView, VoiceStoppedView } from '../contract/voice';
import { talkedSeconds } from '../domain/voice-session';
import type { VoiceLine, VoiceNote } from '../store/gateway/voices';
import type { GatewaySession } from '../store/schema/collections/gateway';
import type { GatewayVoice } from '../store/schema/collections/voice';

/** A talk that begins, for its caller. @param token of the socket, shown only here */
export const presentStarted = (handle: string, voice: GatewayVoice, token: string): VoiceStartedView => ({
  voice_session_id: voice._id,
  websocket_url: `/api/agents/${handle}/voice/ws?voice_session_id=${voice._id}`,
  ws_token: token,
  ws_token_expires_at: voice.tokenExpiresAt.toISOString(),
  chat_session_id: voice.sessionId,
  input_codec: voice.inputCodec,
  output_codec: voice.outputCodec,
  max_duration_seconds: voice.maxSeconds,
  state: 'connecting',
});

export const presentStopped = (voice: GatewayVoice, lines: VoiceLine[]): VoiceStoppedView => ({
  transcript: lines,
  messages_saved: voice.messagesSaved,
  duration_seconds: talkedSeconds(voice.liveAt, voice.endedAt ?? voice.createdAt),
  reason: voice.endReason ?? 'stopped',
});

/** @param note how it goes, where this process knows better than the row */
export function presentVoiceStatus(
  voice: GatewayVoice,
  note: VoiceNote | null,
  now: Date,
): NonNullable<VoiceStatusView['session']> {
  const { state, liveAt, bytesIn, bytesOut, droppedMs, agentConnected, callerConnected } = note ?? voice;
  return {
    voice_session_id: voice._id,
    state: voice.isLive === undefined ? 'ended' : state,
    started_at: voice.createdAt.toISOString(),
    duration_seconds: talkedSeconds(liveAt, voice.endedAt ?? now),
    bytes_in: bytesIn,
    bytes_out: bytesOut,
    dropped_ms: Math.ceil(droppedMs),
    agent_connected: agentConnected,
    caller_connected: callerConnected,
    end_reason: voice.endReason,
  };
}

/** Calls an agent (gateway.md §7): for sockets that know the gateway only. */
export const voiceInviteFrame = (
  voice: GatewayVoice,
  { conversationId }: Pick<GatewaySession, 'conversationId'>,
  more: { user: object; voiceName: string | null },
) => ({
  text: JSON.stringify({
    type: 'voice.invite',
    payload: {
      voice_session_id: voice._id,
      session_id: voice.sessionId,
      conversation_id: conversationId,
      user: more.user,
      input_codecs: [voice.inputCodec],
      output_codecs: [voice.outputCodec],
      voice_name: more.voiceName,
      url: '/v1/voice/ws',
      expires_at: voice.heldUntil.toISOString(),
    },
  }),
  isForGateway: true as const,
});
