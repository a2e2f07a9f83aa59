import {
  VOICE_CONNECT_MS,
  VOICE_KEEP_MS,
  VOICE_LINES_SHOWN_MAX,
  VOICE_RECONNECT_MS,
} from '../../contract/voice-limits';
import { responseOf } from '../../domain/turns';
import { talkOf, type VoiceEnd, type VoiceState } from '../../domain/voice-session';
import { isDuplicateKey } from '../schema/conflicts';
import type { GatewaySession } from '../schema/collections/gateway';
import type { Message } from '../schema/collections/messages';
import type { GatewayVoice, VoiceHome, VoiceTraffic } from '../schema/collections/voice';
import type { Database } from '../schema/database';
import { READ, SAFE_READ, WRITE } from '../schema/reads';
import { settleReplies } from './replies';

/** True once nobody keeps the talk open any more, whatever its row says. */
export const isOver = ({ isLive, heldUntil }: Pick<GatewayVoice, 'isLive' | 'heldUntil'>, now: Date): boolean =>
  isLive === undefined || now >= heldUntil;

/**
 * Stores a talk that begins. A crash leaves nothing or a talk that nobody comes to, which is over by itself in half a
 * minute. @returns false when the caller has another one with this agent
 */
export async function insertVoice(database: Database, voice: GatewayVoice): Promise<boolean> {
  try {
    await database.gatewayVoices.insertOne(voice, WRITE);
    return true;
  } catch (error) {
    if (isDuplicateKey(error, ['principal', 'agentId'])) return false;
    throw error;
  }
}

/** What every new talk begins with. */
export const newVoice = (
  now: Date,
  of: Pick<
    GatewayVoice,
    | '_id'
    | 'sessionId'
    | 'agentId'
    | 'principal'
    | 'startedWith'
    | 'inputCodec'
    | 'outputCodec'
    | 'maxSeconds'
    | 'tokenHash'
    | 'tokenExpiresAt'
  >,
): GatewayVoice => ({
  ...of,
  state: 'connecting',
  isLive: true,
  home: null,
  heldUntil: new Date(now.getTime() + VOICE_CONNECT_MS),
  hadAgent: false,
  hadCaller: false,
  agentConnected: false,
  callerConnected: false,
  createdAt: now,
  liveAt: null,
  endedAt: null,
  endReason: null,
  bytesIn: 0,
  bytesOut: 0,
  droppedMs: 0,
  messagesSaved: 0,
  // Its end says otherwise.
  expiresAt: new Date(now.getTime() + of.maxSeconds * 1_000 + 2 * VOICE_KEEP_MS),
});

export function loadVoice(database: Database, id: string): Promise<GatewayVoice | null> {
  return database.gatewayVoices.findOne({ _id: id }, READ);
}

/** The caller's last talk with an agent; null: none within the time that they are kept. */
export function findNewestVoice(database: Database, principal: string, agentId: string): Promise<GatewayVoice | null> {
  return database.gatewayVoices.findOne({ principal, agentId }, { ...READ, sort: { createdAt: -1 } });
}

/** The talk that a token lets in to, and the token is used up; null: it is none, was used before, or is too old. */
export function useVoiceToken(database: Database, tokenHash: string, now: Date): Promise<GatewayVoice | null> {
  return database.gatewayVoices.findOneAndUpdate(
    { tokenHash, tokenExpiresAt: { $gt: now } },
    { $unset: { tokenHash: '' } },
    { returnDocument: 'after', ...WRITE },
  );
}

/**
 * Makes this process the home of a talk that has none, or whose home could not be reached. Of two at once one gets it. A
 * process that dies as a home is followed by whoever comes back within the time for that.
 * @param from the home that is given up. @returns the talk as it is then; null: somebody else was first, or it is over
 */
export function takeVoice(
  database: Database,
  { id, from, home, now }: { id: string; from: VoiceHome | null; home: VoiceHome; now: Date },
): Promise<GatewayVoice | null> {
  return database.gatewayVoices.findOneAndUpdate(
    {
      _id: id,
      isLive: true,
      heldUntil: { $gt: now },
      ...(from === null ? { home: null } : { 'home.nodeId': from.nodeId }),
    },
    { $set: { home, heldUntil: heldFrom(now) } },
    { returnDocument: 'after', ...WRITE },
  );
}

const heldFrom = (now: Date): Date => new Date(now.getTime() + VOICE_RECONNECT_MS);

/** What its home notes of a talk again and again. */
export interface VoiceNote extends VoiceTraffic {
  state: VoiceState;
  liveAt: Date | null;
  hadAgent: boolean;
  hadCaller: boolean;
  agentConnected: boolean;
  callerConnected: boolean;
}

/** Keeps a talk open and notes how it goes. @returns false when this process is not its home any more */
export async function holdVoice(
  database: Database,
  { id, nodeId, note, now }: { id: string; nodeId: string; note: VoiceNote; now: Date },
): Promise<boolean> {
  const { matchedCount } = await database.gatewayVoices.updateOne(
    { _id: id, isLive: true, 'home.nodeId': nodeId },
    { $set: { ...note, heldUntil: heldFrom(now) } },
    WRITE,
  );
  return matchedCount === 1;
}

/** Lets another process be the home at once, when this one ends: both sides have the usual time to come back. */
export async function leaveVoice(
  database: Database,
  { id, nodeId, now }: { id: string; nodeId: string; now: Date },
): Promise<void> {
  await database.gatewayVoices.updateOne(
    { _id: id, isLive: true, 'home.nodeId': nodeId },
    { $set: { home: null, heldUntil: heldFrom(now), agentConnected: false, callerConnected: false } },
    WRITE,
  );
}

/**
 * Ends a talk, once: whoever ends it later, or again after a lost answer, finds how it ended.
 * @param nodeId ended by its home, which may not be it any more: then nothing changes
 * @returns the talk as it is then; null: there is none
 */
export async function endVoice(
  database: Database,
  end: { id: string; nodeId?: string; reason: VoiceEnd; note?: VoiceNote; now: Date },
): Promise<GatewayVoice | null> {
  const { id, nodeId, reason, note, now } = end;
  const ended = await database.gatewayVoices.findOneAndUpdate(
    { _id: id, isLive: true, ...(nodeId === undefined ? {} : { 'home.nodeId': nodeId }) },
    {
      $set: {
        ...note,
        state: 'ended',
        endReason: reason,
        endedAt: now,
        agentConnected: false,
        callerConnected: false,
        expiresAt: new Date(now.getTime() + VOICE_KEEP_MS),
      },
      $unset: { isLive: '', tokenHash: '' },
    },
    { returnDocument: 'after', ...WRITE },
  );
  return ended ?? loadVoice(database, id);
}

/** Why a talk is over that nobody has ended: it never began, or its home died and nobody came back. */
export function endOverdue(database: Database, voice: GatewayVoice): Promise<GatewayVoice | null> {
  const reason = voice.hadAgent ? 'error' : 'agent_unavailable';
  return endVoice(database, { id: voice._id, reason, now: voice.heldUntil });
}

/** A line of a transcript. */
export interface VoiceLine {
  role: 'user' | 'assistant';
  text: string;
}

/** The session that the lines of a talk are messages of; null: its user has deleted it. */
export function findSessionOf(
  database: Database,
  { sessionId }: Pick<GatewayVoice, 'sessionId'>,
): Promise<GatewaySession | null> {
  return database.gatewaySessions.findOne({ _id: sessionId, status: { $ne: 'deleted' } }, SAFE_READ);
}

/**
 * What was said in a talk that has ended, with how many lines were saved; the last ones, if there are very many.
 * @returns null when it is gone, or its session
 */
export async function readTranscript(
  database: Database,
  voiceId: string,
): Promise<{ voice: GatewayVoice; lines: VoiceLine[] } | null> {
  const before = await loadVoice(database, voiceId);
  const guest = before === null ? null : await findSessionOf(database, before);
  if (guest === null) return null;
  // Those that were committed a moment ago count, too.
  await settleReplies(database, guest.guestId);
  const voice = await database.gatewayVoices.findOne({ _id: voiceId }, SAFE_READ);
  const session = voice === null ? null : await findSessionOf(database, voice);
  if (voice === null || session === null) return null;
  const { firstSeq, lastSeq } = voice;
  if (firstSeq === undefined || lastSeq === undefined || session.conversationId === null) return { voice, lines: [] };
  const rows = await database.messages
    .find(
      { conversationId: session.conversationId, seq: { $gte: firstSeq, $lte: lastSeq } },
      { ...SAFE_READ, sort: { seq: -1 }, limit: VOICE_LINES_SHOWN_MAX },
    )
    .toArray();
  return { voice, lines: rows.reverse().flatMap((row) => lineOf(row, voiceId, session.guestId)) };
}

/** The parse point of what `newMessage` wrote. */
function lineOf({ metadata, content, senderId }: Message, voiceId: string, guestId: string): VoiceLine[] {
  if (talkOf(JSON.parse(metadata) as Record<string, unknown>) !== voiceId) return [];
  const text = responseOf(JSON.parse(content) as { text?: unknown });
  return [{ role: senderId === guestId ? 'user' : 'assistant', text }];
}
