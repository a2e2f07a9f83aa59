import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { repeat } from '../../platform/repeat';
import type { UrlSigner } from '../../platform/signed-urls';
import type { AgentReader } from '../../store/agents/agents';
import {
  endOverdue,
  endVoice,
  findSessionOf,
  holdVoice,
  isOver,
  leaveVoice,
  loadVoice,
  takeVoice,
  type VoiceNote,
} from '../../store/gateway/voices';
import { settleReplies } from '../../store/gateway/replies';
import type { GatewaySession } from '../../store/schema/collections/gateway';
import type { GatewayVoice } from '../../store/schema/collections/voice';
import type { Database } from '../../store/schema/database';
import { createInTurnOf } from '../../store/schema/turns';
import type { Committer } from '../../store/sending/committer';
import type { TurnReads } from '../turns/read-turns';
import { checkTalks } from './check-talks';
import type { PendingSocket } from './pending-socket';
import { orderEnd, passOn, type PassedOn, type RelayOrder } from './relay';
import { Talk, type TalkDeps } from './talk';
import { closeCodeOf, endedFrame } from './talk-frames';
import { VoiceLines } from './voice-lines';

export interface VoicesDeps {
  database: Database;
  agents: Pick<AgentReader, 'findById'>;
  committer: Pick<Committer, 'send'>;
  reads: Pick<TurnReads, 'markMessages'>;
  signer: UrlSigner;
  nodeId: string;
  clock: Clock;
  log: Logger;
}

/** Which side a socket is of. */
export type VoiceSide = Extract<RelayOrder, { kind: 'caller' | 'agent' }>;

const BEAT_MS = 1_000;
/** How often accounts, keys and sessions are looked at. */
const CHECK_MS = 5_000;
/** Two processes that pass a talk to and fro agree by then. */
const TRIES_MAX = 5;
const AGAIN_MS = 200;

/**
 * Talks as this process serves them. A talk has one home: the process that its first socket came to. Whoever comes in
 * elsewhere is passed on to there. A home that cannot be reached is replaced by the process that notices: the row names
 * the one that counts, and the old one finds out within seconds, if it lives, and sends its sockets away.
 */
export class Voices {
  private readonly talks = new Map<string, Talk>();
  private readonly passed = new Set<PassedOn>();
  private readonly rounds: { stop: () => void };
  private readonly inTurnOf = createInTurnOf();
  /** By which other processes reach this one: `ws://host:port`. */
  private url = '';
  private isClosing = false;

  constructor(private readonly deps: VoicesDeps) {
    this.rounds = startRounds(deps, this.talks, this.passed);
  }

  listensAt(url: string): void {
    this.url = url;
  }

  isHome(voiceId: string): boolean {
    return this.talks.has(voiceId);
  }

  /** How a talk goes whose home this is, up to now; null: it is elsewhere. */
  noteOf(voiceId: string): VoiceNote | null {
    return this.talks.get(voiceId)?.note() ?? null;
  }

  /** Takes in a socket whose right to be there was checked. Never throws. */
  async enter(pending: PendingSocket, voiceId: string, side: VoiceSide): Promise<void> {
    try {
      for (let tries = 0; tries < TRIES_MAX && !this.isClosing; tries += 1) {
        // One after another: both sides may come at once, and the first of them makes the talk.
        if (await this.inTurnOf(voiceId, () => this.enterOnce(pending, voiceId, side))) return;
        await sleep(AGAIN_MS);
      }
    } catch (error) {
      this.deps.log.warn({ event: 'voice.not_entered', voice: voiceId, err: error });
      return pending.close(1011, 'Internal error');
    }
    pending.close(1012, 'Try again');
  }

  /** What another process asks of this one as the home of a talk. */
  async obey(pending: PendingSocket, voiceId: string, order: RelayOrder): Promise<void> {
    if (order.kind === 'caller' || order.kind === 'agent') return this.enter(pending, voiceId, order);
    await this.talks.get(voiceId)?.end(order.kind === 'stop' ? 'stopped' : 'agent_unavailable');
    pending.close(1000, 'Done');
  }

  /** Ends a talk wherever its home is. @returns it as it is then */
  async end(voice: GatewayVoice, reason: 'stopped' | 'agent_unavailable'): Promise<GatewayVoice | null> {
    const { database, clock, nodeId } = this.deps;
    const { _id: id, home } = voice;
    if (voice.isLive === undefined) return voice;
    if (isOver(voice, clock.now())) return endOverdue(database, voice);
    const talk = this.talks.get(id);
    if (talk !== undefined) await talk.end(reason);
    else if (home !== null && home.nodeId !== nodeId) {
      const order = { kind: reason === 'stopped' ? 'stop' : 'reject' } as const;
      if (await orderEnd(this.deps, home, id, order)) return loadVoice(database, id);
    }
    // Nobody holds it, or who does is out of reach and finds out by the row.
    return endVoice(database, { id, reason, now: clock.now() });
  }

  /** An agent does not want to talk; of one that has begun, or is another's, it is nothing. */
  async reject(agentId: string, voiceId: string): Promise<void> {
    const voice = await loadVoice(this.deps.database, voiceId);
    const hasBegun = voice === null || voice.hadAgent || this.noteOf(voiceId)?.hadAgent === true;
    if (voice?.agentId === agentId && !hasBegun) await this.end(voice, 'agent_unavailable');
  }

  /** All sockets are to come back to another process, which finds their talks without a home. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.rounds.stop();
    for (const one of this.passed) one.close(1001, 'Server shutting down');
    await Promise.all([...this.talks.values()].map((talk) => giveUp(this.deps, talk)));
  }

  /** @returns false when it is to be tried again */
  private async enterOnce(pending: PendingSocket, voiceId: string, side: VoiceSide): Promise<boolean> {
    const { database, clock } = this.deps;
    const known = this.talks.get(voiceId);
    if (known !== undefined) return seat(this.deps, known, pending, side);
    const voice = await loadVoice(database, voiceId);
    if (voice === null || isOver(voice, clock.now())) return turnAway(database, pending, voice, side);
    if (await this.passOn(pending, voice, side)) return true;
    const talk = await this.take(voice);
    return talk !== null && seat(this.deps, talk, pending, side);
  }

  /** Its home is this process from now on; null: somebody else was first, or its session is deleted. */
  private async take(voice: GatewayVoice): Promise<Talk | null> {
    const { database, clock, nodeId } = this.deps;
    const home = { nodeId, url: this.url };
    const session = await findSessionOf(database, voice);
    if (session === null) {
      await endVoice(database, { id: voice._id, reason: 'error', now: clock.now() });
      return null;
    }
    const taken = await takeVoice(database, { id: voice._id, from: voice.home, home, now: clock.now() });
    if (taken === null) return null;
    const onOver = (): void => void this.talks.delete(taken._id);
    const talk = new Talk(taken, session, talkDeps(this.deps, taken, session, onOver));
    this.talks.set(taken._id, talk);
    return talk;
  }

  private async passOn(pending: PendingSocket, voice: GatewayVoice, side: VoiceSide): Promise<boolean> {
    if (voice.home === null || voice.home.nodeId === this.deps.nodeId) return false;
    const there = await passOn(this.deps, pending, voice.home, { voiceId: voice._id, order: side });
    if (there === null) return false;
    this.passed.add(there);
    there.onOver = () => void this.passed.delete(there);
    return true;
  }
}

/** A talk's sockets come back to another process, which finds it without a home. */
async function giveUp({ database, nodeId, clock, log }: VoicesDeps, talk: Talk): Promise<void> {
  talk.leave(1001, 'Server shutting down');
  await talk.saved();
  await leaveVoice(database, { id: talk.voice._id, nodeId, now: clock.now() }).catch((error: unknown) =>
    log.warn({ event: 'voice.not_left', voice: talk.voice._id, err: error }),
  );
}

function talkDeps(
  { database, committer, reads, nodeId, clock, log }: VoicesDeps,
  { _id: id }: GatewayVoice,
  { guestId }: GatewaySession,
  onOver: () => void,
): TalkDeps {
  const warn = (event: string) => (error: unknown) => log.warn({ event, voice: id, err: error });
  return {
    clock,
    log,
    newLines: (of) => new VoiceLines({ committer, log, ...of }),
    hold: (note) => holdVoice(database, { id, nodeId, note, now: clock.now() }),
    end: async (reason, note) => {
      // Its caller is told how many lines were saved.
      await settleReplies(database, guestId).catch(warn('voice.lines_not_counted'));
      return endVoice(database, { id, nodeId, reason, note, now: clock.now() });
    },
    noteHeard: (session, messageId) =>
      void reads.markMessages(session, [messageId]).catch(warn('voice.not_marked_read')),
    onOver,
  };
}

/** Puts a socket in its place. @returns true: it has one now, or was sent away */
async function seat({ agents }: VoicesDeps, talk: Talk, pending: PendingSocket, side: VoiceSide): Promise<boolean> {
  if (talk.isEnding) return false;
  if (side.kind === 'caller') {
    talk.enterCaller(pending);
    return true;
  }
  const agent = await agents.findById(talk.voice.agentId);
  if (agent?.keyVersion !== side.keyVersion) {
    pending.close(4001, 'Invalid token');
    return true;
  }
  if (talk.isEnding) return false;
  const { _id: id, handle, isSystem, keyVersion } = agent;
  talk.enterAgent(pending, { id, handle, isSystem, keyVersion });
  return true;
}

/** A caller that comes too late for its agent hears so; there is nothing else to come to. */
async function turnAway(
  database: Database,
  pending: PendingSocket,
  voice: GatewayVoice | null,
  side: VoiceSide,
): Promise<true> {
  const ended = voice?.isLive === true ? await endOverdue(database, voice) : voice;
  const reason = ended?.endReason ?? null;
  if (side.kind !== 'caller' || reason !== 'agent_unavailable') pending.close(4004, 'No such session');
  else {
    pending.socket.send(JSON.stringify(endedFrame(reason)));
    pending.close(closeCodeOf(reason), 'Ended');
  }
  return true;
}

/** What is looked at again and again, as long as there are talks. */
function startRounds(deps: VoicesDeps, talks: Map<string, Talk>, passed: Set<PassedOn>): { stop: () => void } {
  const beating = setInterval(() => {
    for (const talk of [...talks.values()]) talk.beat();
    for (const one of passed) one.beat(Date.now());
  }, BEAT_MS);
  const check = () =>
    checkTalks(deps, [...talks.values()]).catch((error: unknown) =>
      deps.log.warn({ event: 'voice.not_checked', err: error }),
    );
  const checking = repeat(check, { everyMs: CHECK_MS, isLater: true });
  return {
    stop: () => {
      clearInterval(beating);
      void checking.stop();
    },
  };
}
