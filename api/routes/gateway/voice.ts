import { getVoiceStatus, startVoice, stopVoice } from '../../../contract/endpoints-voice';
import { AppError } from '../../../contract/errors';
import { VOICE_TOKEN_MS } from '../../../contract/voice-limits';
import { startVoiceSchema, stopVoiceSchema, type StartVoiceBody } from '../../../contract/voice';
import { DEFAULT_CODECS, negotiateCodec, type VoiceCodec } from '../../../domain/voice-codecs';
import { newGatewayId } from '../../../platform/ids';
import { hashVoiceToken, newVoiceToken } from '../../../platform/voice-tokens';
import { presentStarted, presentStopped, presentVoiceStatus, voiceInviteFrame } from '../../../presenters/voice';
import { describeUser } from '../../../store/gateway/hand-over';
import { createSideSession } from '../../../store/gateway/sessions';
import {
  endOverdue,
  findNewestVoice,
  insertVoice,
  isOver,
  loadVoice,
  newVoice,
  readTranscript,
} from '../../../store/gateway/voices';
import { findGatewaySockets } from '../../../store/nodes/connections';
import type { Agent } from '../../../store/schema/collections/agents';
import type { VoiceCodecs } from '../../../store/schema/collections/nodes';
import type { GatewayVoice } from '../../../store/schema/collections/voice';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import type { Live } from '../../realtime/broadcast/live';
import { countContact, findNamed } from '../../turns/begin-turn';
import { findChatAgent, findGatewayAgent } from '../../turns/find-agent';
import type { Voices } from '../../voice/voices';
import type { GatewayDeps } from './gateway-deps';

export type VoiceRouteDeps = GatewayDeps & { voices: Voices; live: Live };

/** Talks with agents: gateway.md §7. */
export function voiceRoutes(deps: VoiceRouteDeps): Route[] {
  return [
    gatewayRoute(startVoice, (ctx) => start(ctx, deps)),
    gatewayRoute(stopVoice, (ctx) => stop(ctx, deps)),
    gatewayRoute(getVoiceStatus, (ctx) => show(ctx, deps)),
  ];
}

/**
 * The talk is stored before its agent is called: a call that gets lost, or a process that dies in between, leaves one that
 * is over in half a minute. Of two calls at once one gets the talk, the other 409.
 */
async function start(ctx: GatewayContext, deps: VoiceRouteDeps): Promise<Reply> {
  const body = ctx.validate(startVoiceSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
  const { database } = deps;
  const found = await findChatAgent(deps, ctx.principal, ctx.params.name ?? '');
  const { agent } = found;
  const named = await findNamed(database, ctx.principal, agent._id, body.session_id);
  const codecs = agreeOnCodecs(body, await findGatewaySockets(database, agent._id));
  await refuseSecond(deps, ctx, agent);
  await countContact(deps, ctx.principal, found);
  const session = named ?? (await createSideSession(database, ctx.principal, agent._id, ctx.now, 'voice'));
  const token = newVoiceToken();
  const voice = newVoice(ctx.now, {
    _id: newGatewayId('voice'),
    sessionId: session._id,
    agentId: agent._id,
    principal: ctx.principal.key,
    startedWith: startedWith(ctx),
    ...codecs,
    maxSeconds: body.max_duration_seconds,
    tokenHash: hashVoiceToken(token),
    tokenExpiresAt: new Date(ctx.now.getTime() + VOICE_TOKEN_MS),
  });
  if (!(await insertVoice(database, voice))) throw new AppError('VOICE_SESSION_EXISTS');
  const user = await describeUser(database, session, agent._id);
  const invite = voiceInviteFrame(voice, session, { user, voiceName: body.voice_name ?? null });
  deps.live.broadcast([agent._id], invite);
  return { status: 200, body: presentStarted(agent.handle, voice, token) };
}

/** By what the caller came, for it may end before the talk does. */
const startedWith = ({ principal, owner }: GatewayContext): GatewayVoice['startedWith'] =>
  principal.kind === 'key'
    ? { kind: 'key', id: principal.key.slice('key:'.length) }
    : { kind: 'session', id: owner.sessionId };

/**
 * What the caller and one of the agent's sockets take, in the caller's order.
 * @throws AppError VALIDATION_ERROR with 422, VOICE_UNAVAILABLE
 */
function agreeOnCodecs(
  { input_codecs: inputs, output_codecs: outputs }: StartVoiceBody,
  sockets: VoiceCodecs[],
): { inputCodec: VoiceCodec; outputCodec: VoiceCodec } {
  const agreed = (of: VoiceCodecs) => {
    const inputCodec = negotiateCodec(inputs, of.input, DEFAULT_CODECS.input);
    const outputCodec = negotiateCodec(outputs, of.output, DEFAULT_CODECS.output);
    return inputCodec === null || outputCodec === null ? [] : [{ inputCodec, outputCodec }];
  };
  // What the server does not know no agent can take.
  if (agreed({}).length === 0) throw noCodec();
  if (sockets.length === 0) throw new AppError('VOICE_UNAVAILABLE', { reason: 'agent_offline' });
  const [first] = sockets.flatMap(agreed);
  if (first === undefined) throw noCodec();
  return first;
}

const noCodec = (): AppError =>
  new AppError('VALIDATION_ERROR', { reason: 'no_common_codec' }, undefined, 'No codec that both sides take', 422);

/** @throws AppError VOICE_SESSION_EXISTS while the caller talks with the agent; one that is over is ended for good */
async function refuseSecond({ database }: VoiceRouteDeps, { principal, now }: GatewayContext, agent: Agent) {
  const newest = await findNewestVoice(database, principal.key, agent._id);
  if (newest?.isLive === undefined) return;
  if (!isOver(newest, now)) throw new AppError('VOICE_SESSION_EXISTS', { voice_session_id: newest._id });
  await endOverdue(database, newest);
}

async function stop(ctx: GatewayContext, deps: VoiceRouteDeps): Promise<Reply> {
  const body = ctx.validate(stopVoiceSchema, (await ctx.readText()) === '' ? {} : await ctx.readBody());
  const { agent } = await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');
  const voice =
    body.voice_session_id === undefined
      ? await findNewestVoice(deps.database, ctx.principal.key, agent._id)
      : await loadVoice(deps.database, body.voice_session_id);
  if (voice === null || !isOwn(voice, ctx, agent)) throw new AppError('VOICE_SESSION_NOT_FOUND');
  await deps.voices.end(voice, 'stopped');
  const said = await readTranscript(deps.database, voice._id);
  if (said === null) throw new AppError('VOICE_SESSION_NOT_FOUND');
  return { status: 200, body: presentStopped(said.voice, said.lines) };
}

const isOwn = (voice: GatewayVoice, { principal, now }: GatewayContext, agent: Agent): boolean =>
  voice.principal === principal.key && voice.agentId === agent._id && voice.expiresAt > now;

async function show(ctx: GatewayContext, deps: VoiceRouteDeps): Promise<Reply> {
  const { database, voices } = deps;
  const { agent } = await findGatewayAgent(deps, ctx.principal, ctx.params.name ?? '');
  const [sockets, newest] = await Promise.all([
    findGatewaySockets(database, agent._id),
    findNewestVoice(database, ctx.principal.key, agent._id),
  ]);
  const isUnended = newest?.isLive === true && isOver(newest, ctx.now);
  const voice = isUnended ? await endOverdue(database, newest) : newest;
  const isShown = voice !== null && isOwn(voice, ctx, agent);
  return {
    status: 200,
    body: {
      enabled: true,
      available: agent.status !== 'suspended' && agent.pausedByOwner === 'none' && sockets.length > 0,
      session: isShown ? presentVoiceStatus(voice, voices.noteOf(voice._id), ctx.now) : null,
    },
  };
}
