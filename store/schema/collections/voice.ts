import type { VoiceCodec } from '../../../domain/voice-codecs';
import type { VoiceEnd, VoiceState } from '../../../domain/voice-session';
import { collection, DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL } from './collection';

/** What has gone over a talk's sockets so far. */
export interface VoiceTraffic {
  bytesIn: number;
  bytesOut: number;
  droppedMs: number;
}

/** A talk of a user with an agent (gateway.md §7). What is said in it is messages of its session; audio is stored nowhere. */
export interface GatewayVoice extends VoiceTraffic {
  _id: string;
  /** Whose messages its lines become. */
  sessionId: string;
  agentId: string;
  principal: string;
  /** The owner's session or the key that it was started with: with it the talk ends. */
  startedWith: { kind: 'session' | 'key'; id: string };
  inputCodec: VoiceCodec;
  outputCodec: VoiceCodec;
  maxSeconds: number;
  /** SHA-256 of the token that lets its caller's socket in, 64 hex. Absent once it was used. */
  tokenHash?: string;
  tokenExpiresAt: Date;
  state: VoiceState;
  /** There until it has ended. */
  isLive?: true;
  /** Both sockets are at this api process, or are passed on to it; null: none has come yet, or it has gone. */
  home: VoiceHome | null;
  /** Until then its home keeps it open, or a first socket may come: later than that it is over. */
  heldUntil: Date;
  hadAgent: boolean;
  hadCaller: boolean;
  agentConnected: boolean;
  callerConnected: boolean;
  createdAt: Date;
  /** When both were there for the first time. */
  liveAt: Date | null;
  endedAt: Date | null;
  endReason: VoiceEnd | null;
  /** Lines that were saved, counted in the commit that settles each. */
  messagesSaved: number;
  /** `seq` of the first and the last of them. Absent: none. */
  firstSeq?: number;
  lastSeq?: number;
  /** Gone by then. */
  expiresAt: Date;
}

/** Where the two sides of a talk meet. */
export interface VoiceHome {
  nodeId: string;
  /** By which other api processes reach it. */
  url: string;
}

export const gatewayVoices = collection<GatewayVoice>({
  schema: shape({
    _id: 'string',
    sessionId: 'string',
    agentId: 'string',
    principal: 'string',
    inputCodec: 'string',
    outputCodec: 'string',
    maxSeconds: NUMBER,
    tokenExpiresAt: 'date',
    state: 'string',
    heldUntil: 'date',
    createdAt: 'date',
    liveAt: DATE_OR_NULL,
    endedAt: DATE_OR_NULL,
    endReason: STRING_OR_NULL,
    messagesSaved: NUMBER,
    expiresAt: 'date',
  }),
  indexes: [
    // insertVoice: one at a time of a caller with an agent, however many start at once
    {
      name: 'live',
      key: { principal: 1, agentId: 1 },
      unique: true,
      partialFilterExpression: { isLive: true },
    },
    // findNewestVoice: the one that is shown and stopped
    { name: 'principal_agent_created', key: { principal: 1, agentId: 1, createdAt: -1 } },
    // useVoiceToken
    {
      name: 'token_hash',
      key: { tokenHash: 1 },
      unique: true,
      partialFilterExpression: { tokenHash: { $exists: true } },
    },
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 },
  ],
});
