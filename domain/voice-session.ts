import {
  VOICE_CONNECT_MS,
  VOICE_ENDING_MS,
  VOICE_IDLE_MS,
  VOICE_RECONNECT_MS,
  VOICE_TOKEN_MS,
} from '../contract/voice-limits';
import { objectOf } from './turns';

/** The life of a talk: gateway.md §7. */

export type VoiceState = 'connecting' | 'listening' | 'speaking' | 'ended';
export type VoiceEnd = 'stopped' | 'limit' | 'agent_unavailable' | 'agent_left' | 'idle' | 'error';

/** What decides when a talk ends by itself. Times in milliseconds of one clock. */
export interface VoiceTimes {
  createdAtMs: number;
  /** When both sides were there for the first time; null: not yet. */
  liveAtMs: number | null;
  /** Null: it is there. Absent: it was never there. */
  agentGoneAtMs?: number | null;
  callerGoneAtMs?: number | null;
  /** Of either side. */
  lastAudioAtMs: number;
  maxMs: number;
}

/** Why the talk is over by now; null: it is not. */
export function endDue(times: VoiceTimes, nowMs: number): VoiceEnd | null {
  const { createdAtMs, liveAtMs, agentGoneAtMs, callerGoneAtMs, lastAudioAtMs, maxMs } = times;
  if (agentGoneAtMs === undefined && nowMs - createdAtMs >= VOICE_CONNECT_MS) return 'agent_unavailable';
  if (callerGoneAtMs === undefined && nowMs - createdAtMs >= VOICE_TOKEN_MS) return 'stopped';
  if (isGone(callerGoneAtMs, nowMs)) return 'stopped';
  if (isGone(agentGoneAtMs, nowMs)) return 'agent_left';
  if (liveAtMs === null) return null;
  if (nowMs - liveAtMs >= maxMs) return 'limit';
  return nowMs - Math.max(liveAtMs, lastAudioAtMs) >= VOICE_IDLE_MS ? 'idle' : null;
}

const isGone = (goneAtMs: number | null | undefined, nowMs: number): boolean =>
  goneAtMs !== null && goneAtMs !== undefined && nowMs - goneAtMs >= VOICE_RECONNECT_MS;

/** True when its users are to be told that their time is nearly up. */
export const isEndingSoon = ({ liveAtMs, maxMs }: Pick<VoiceTimes, 'liveAtMs' | 'maxMs'>, nowMs: number): boolean =>
  liveAtMs !== null && nowMs - liveAtMs >= maxMs - VOICE_ENDING_MS;

/** Whole seconds of a talk. @param liveAt when both sides were there; null: they never were */
export const talkedSeconds = (liveAt: Date | null, until: Date): number =>
  liveAt === null ? 0 : Math.max(0, Math.floor((until.getTime() - liveAt.getTime()) / 1_000));

/** The talk that a message is a line of; null: it was written. @param metadata of the message, whoever wrote it */
export function talkOf(metadata: Record<string, unknown>): string | null {
  const id = objectOf(objectOf(metadata['gateway'])['voice'])['voice_session_id'];
  return typeof id === 'string' && id !== '' ? id : null;
}
