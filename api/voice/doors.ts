import { isAppError } from '../../contract/errors';
import { ID_PREFIX } from '../../contract/ids';
import { FRAME_BYTES_MAX_BEFORE_HELLO } from '../../contract/limits';
import { VOICE_HELLO_MS } from '../../contract/voice-limits';
import { voiceHelloSchema, type VoiceHello } from '../../contract/voice';
import { hashApiKey } from '../../platform/ids';
import { hashVoiceToken } from '../../platform/voice-tokens';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import type { AgentReader } from '../../store/agents/agents';
import type { Principal } from '../../store/gateway/principals';
import { findNewestVoice, isOver, loadVoice, useVoiceToken } from '../../store/gateway/voices';
import type { Agent } from '../../store/schema/collections/agents';
import type { GatewayVoice } from '../../store/schema/collections/voice';
import type { Database } from '../../store/schema/database';
import { bearerKey } from '../http/bearer-key';
import { findAccount } from '../http/targets';
import { voicePathOf } from '../http/voice-paths';
import type { AgentSocket } from '../realtime/wire/socket';
import { PendingSocket } from './pending-socket';
import type { RelayOrder } from './relay';
import type { Voices } from './voices';

/** What a voice socket's URL and headers say. */
export type VoiceTarget =
  | {
      kind: 'caller';
      /** As the path names it; null: it does not. */
      agentName: string | null;
      voiceId: string | null;
      token: string | null;
      authorization: string | undefined;
    }
  | { kind: 'agent' }
  /** Of another process of ours, whose signature was checked. */
  | { kind: 'relay'; voiceId: string; order: RelayOrder };

/** What a request for a voice socket asks for; null: it is none. */
export function voiceTargetOf(path: string, query: string, authorization: string | undefined): VoiceTarget | null {
  const named = voicePathOf(path);
  if (named?.kind !== 'caller') return named;
  const given = new URLSearchParams(query);
  const voiceId = named.voiceId ?? given.get('voice_session_id');
  return { ...named, voiceId, token: given.get('token'), authorization };
}

export interface DoorsDeps {
  database: Database;
  agents: AgentReader;
  /** Whose bearer token it is. @throws AppError */
  findPrincipal: (token: string) => Promise<{ principal: Principal }>;
  voices: Voices;
  clock: Clock;
  log: Logger;
}

/** A socket that may not come in: the codes of gateway.md §7. */
interface Refusal {
  code: number;
  reason: string;
}

const NO_TOKEN: Refusal = { code: 4001, reason: 'Invalid token' };
const NOT_YOURS: Refusal = { code: 4003, reason: 'Not your session' };
const NO_SESSION: Refusal = { code: 4004, reason: 'No such session' };

/**
 * Lets voice sockets in. Who comes is verified before anything that it names is looked up; what it says meanwhile is kept.
 * @param onKnown called once, when it is known who it is or that it goes
 */
export async function openVoiceDoor(
  deps: DoorsDeps,
  socket: AgentSocket,
  target: VoiceTarget,
  onKnown: () => void,
): Promise<void> {
  const pending = new PendingSocket(socket);
  try {
    if (target.kind === 'relay') return await deps.voices.obey(pending, target.voiceId, target.order);
    const found = target.kind === 'caller' ? await findCallers(deps, target) : await findAgents(deps, pending);
    if ('code' in found) return pending.close(found.code, found.reason);
    onKnown();
    await deps.voices.enter(pending, found.voiceId, found.side);
  } catch (error) {
    deps.log.warn({ event: 'voice.door_failed', err: error });
    pending.close(1011, 'Internal error');
  } finally {
    onKnown();
  }
}

type Found = { voiceId: string; side: { kind: 'caller' } | { kind: 'agent'; keyVersion: number } } | Refusal;

async function findCallers(deps: DoorsDeps, target: Extract<VoiceTarget, { kind: 'caller' }>): Promise<Found> {
  const voice = target.token === null ? await byBearer(deps, target) : await byToken(deps, target, target.token);
  if ('code' in voice) return voice;
  if (target.agentName !== null && voice.agentId !== (await idOf(deps.agents, target.agentName))) return NO_SESSION;
  return { voiceId: voice._id, side: { kind: 'caller' } };
}

/** Of the token a talk follows: one of another is a stranger's. */
async function byToken(
  { database, clock }: DoorsDeps,
  { voiceId }: { voiceId: string | null },
  token: string,
): Promise<GatewayVoice | Refusal> {
  const voice = await useVoiceToken(database, hashVoiceToken(token), clock.now());
  if (voice === null) return NO_TOKEN;
  return voiceId === null || voiceId === voice._id ? voice : NOT_YOURS;
}

async function byBearer(
  deps: DoorsDeps,
  { agentName, voiceId, authorization }: Extract<VoiceTarget, { kind: 'caller' }>,
): Promise<GatewayVoice | Refusal> {
  const bearer = bearerKey(authorization ?? '');
  const caller = bearer === null ? null : await principalOf(deps, bearer);
  if (caller === null) return NO_TOKEN;
  const voice =
    voiceId === null
      ? await findNewestVoice(deps.database, caller.key, await idOf(deps.agents, agentName ?? ''))
      : await loadVoice(deps.database, voiceId);
  if (voice === null) return NO_SESSION;
  return voice.principal === caller.key ? voice : NOT_YOURS;
}

async function principalOf({ findPrincipal }: DoorsDeps, bearer: string): Promise<Principal | null> {
  try {
    return (await findPrincipal(bearer)).principal;
  } catch (error) {
    if (isAppError(error) && error.status === 401) return null;
    throw error;
  }
}

/** Of nobody the id is empty. */
async function idOf(agents: AgentReader, segment: string): Promise<string> {
  const name = decoded(segment);
  const agent = name.startsWith(ID_PREFIX.agent) ? await agents.findById(name) : await findAccount(agents, name);
  return agent?._id ?? '';
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}

async function findAgents(deps: DoorsDeps, pending: PendingSocket): Promise<Found> {
  const first = await pending.firstFrame(VOICE_HELLO_MS);
  const hello = first === null || first.isBinary ? null : helloOf(first.data);
  if (hello === null) return { code: 4001, reason: 'HELLO frame required' };
  const agent = await deps.agents.findByKeyHash(hashApiKey(hello.api_key));
  if (agent === null || agent.status === 'deleted') return NO_TOKEN;
  if (agent.status === 'suspended') return { code: 4001, reason: 'Account suspended' };
  return seatOf(deps, agent, hello);
}

async function seatOf({ database, voices, clock }: DoorsDeps, agent: Agent, hello: VoiceHello): Promise<Found> {
  const voice = await loadVoice(database, hello.voice_session_id);
  if (voice === null) return NO_SESSION;
  if (voice.agentId !== agent._id) return NOT_YOURS;
  if (isOver(voice, clock.now())) return NO_SESSION;
  const { input_codec: input = voice.inputCodec, output_codec: output = voice.outputCodec } = hello;
  if (input !== voice.inputCodec || output !== voice.outputCodec) {
    // Its caller has been told the codecs: there is no other way for the two to understand each other.
    await voices.reject(agent._id, voice._id);
    return { code: 1008, reason: 'These codecs were not agreed on' };
  }
  return { voiceId: voice._id, side: { kind: 'agent', keyVersion: agent.keyVersion } };
}

/** The parse point of an agent's first frame. */
function helloOf(data: Buffer): VoiceHello | null {
  if (data.length > FRAME_BYTES_MAX_BEFORE_HELLO) return null;
  try {
    return voiceHelloSchema.safeParse(JSON.parse(data.toString('utf8'))).data ?? null;
  } catch {
    return null;
  }
}
