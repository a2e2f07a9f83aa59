import { VOICE_RECONNECT_MS } from '../../contract/voice-limits';
import { DropNotes } from '../../domain/voice-drops';
import { parseAgentFrame, parseCallerFrame, type AgentFrame, type AudioFrame } from '../../domain/voice-frames';
import {
  endDue,
  isEndingSoon,
  talkedSeconds,
  type VoiceEnd,
  type VoiceState,
  type VoiceTimes,
} from '../../domain/voice-session';
import { Utterances } from '../../domain/voice-utterances';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import type { VoiceNote } from '../../store/gateway/voices';
import type { GatewaySession } from '../../store/schema/collections/gateway';
import type { GatewayVoice } from '../../store/schema/collections/voice';
import { within } from '../../store/schema/deadline';

import { VoicePeer } from './peer';
import { closeCodeOf, endedFrame, readyFrame, statusFrame } from './talk-frames';
import type { PendingSocket } from './pending-socket';
import type { SpeakingAgent, VoiceLines, VoiceLinesDeps } from './voice-lines';

export interface TalkDeps {
  clock: Clock;
  log: Logger;
  newLines: (deps: Pick<VoiceLinesDeps, 'voiceId' | 'session' | 'onSaved' | 'onRefused'>) => VoiceLines;
  /** Keeps the talk this process's. @returns false when it is not any more */
  hold: (note: VoiceNote) => Promise<boolean>;
  /** Writes down that it has ended. @returns it as it is then; null when it is gone */
  end: (reason: VoiceEnd, note: VoiceNote) => Promise<GatewayVoice | null>;
  /** Its user has heard this message of the agent. */
  noteHeard: (session: GatewaySession, messageId: string) => void;
  /** Called once, when no socket is left to serve. */
  onOver: () => void;
}

/** Lines that are still being saved are waited for so long at the end of a talk. */
const LINES_MS_MAX = 5_000;
/** How often a talk is written down. */
const HOLD_MS = 2_000;

/**
 * A talk whose two sides meet in this process (gateway.md §7): what one says goes to the other, until somebody or something
 * ends it. Nothing of it but lines and counts outlives the process; both sides then come back to another one.
 */
export class Talk {
  private caller: VoicePeer | null = null;
  private agent: VoicePeer | null = null;
  private speaker: SpeakingAgent | null = null;
  private readonly times: VoiceTimes;
  private state: VoiceState;
  private readonly utterances = new Utterances();
  private readonly dropped = new DropNotes();
  private readonly traffic: Pick<VoiceNote, 'bytesIn' | 'bytesOut' | 'droppedMs'>;
  private readonly lines: VoiceLines;
  private playedMs: number | null = null;
  private isWarned = false;
  private heldAtMs: number;
  private holding: Promise<void> | null = null;
  /** Who is there has changed since the note that is being written was made. */
  private isNoteOld = false;
  private ending: Promise<void> | null = null;

  /** @param voice as this process took it over */
  constructor(
    readonly voice: GatewayVoice,
    private readonly session: GatewaySession,
    private readonly deps: TalkDeps,
  ) {
    const { bytesIn, bytesOut, droppedMs, state } = voice;
    this.traffic = { bytesIn, bytesOut, droppedMs };
    this.state = state;
    this.heldAtMs = this.nowMs();
    this.times = timesOf(voice, this.heldAtMs);
    this.lines = deps.newLines({
      voiceId: voice._id,
      session,
      onSaved: (message, role) => this.onSaved(message._id, role),
      onRefused: () => void this.end('error'),
    });
  }

  /** True once nobody is let in any more. */
  get isEnding(): boolean {
    return this.ending !== null;
  }

  /** The caller's socket; one that is there already is replaced. */
  enterCaller(pending: PendingSocket): void {
    const before = this.caller;
    const peer = new VoicePeer(pending, 'text', {
      onFrame: (from, data, isBinary) => this.onCallerFrame(from, data, isBinary),
      onGone: (gone) => this.onGone(gone),
    });
    this.caller = peer;
    this.times.callerGoneAtMs = null;
    before?.close(4009, 'Replaced');
    this.greet();
    pending.moveTo(peer);
  }

  enterAgent(pending: PendingSocket, speaker: SpeakingAgent): void {
    const before = this.agent;
    const peer = new VoicePeer(pending, 'binary', {
      onFrame: (from, data, isBinary) => this.onAgentFrame(from, data, isBinary),
      onGone: (gone) => this.onGone(gone),
    });
    this.agent = peer;
    this.speaker = speaker;
    this.utterances.current = null;
    this.times.agentGoneAtMs = null;
    before?.close(4009, 'Replaced');
    peer.send(readyFrame(this.voice));
    this.greet();
    pending.moveTo(peer);
  }

  /** Who speaks for the agent now; null: it was not there. */
  get speaking(): SpeakingAgent | null {
    return this.speaker;
  }

  /** The agent's key or account is not what it was: it may come back with the new one. */
  dismissAgent(reason: string): void {
    this.agent?.close(1008, reason);
  }

  /** How it goes, as it is written down. */
  note(): VoiceNote {
    const { liveAtMs, agentGoneAtMs, callerGoneAtMs } = this.times;
    return {
      ...this.traffic,
      state: this.state,
      liveAt: liveAtMs === null ? null : new Date(liveAtMs),
      hadAgent: agentGoneAtMs !== undefined,
      hadCaller: callerGoneAtMs !== undefined,
      agentConnected: this.agent !== null,
      callerConnected: this.caller !== null,
    };
  }

  /** Called about every second. */
  beat(): void {
    const nowMs = this.nowMs();
    for (const peer of [this.caller, this.agent]) peer?.beat(Date.now());
    if (this.ending !== null) return;
    this.sayDropped(this.dropped.due(nowMs));
    if (!this.isWarned && isEndingSoon(this.times, nowMs)) {
      this.isWarned = true;
      this.caller?.send({ type: 'warning', code: 'ending_soon' });
    }
    const due = endDue(this.times, nowMs);
    if (due !== null) return void this.end(due);
    // Others count it as over: whoever is here has to find out where it goes on.
    if (nowMs - this.heldAtMs >= VOICE_RECONNECT_MS) return this.leave(1012, 'Try again');
    if (nowMs - this.heldAtMs >= HOLD_MS) this.holding ??= this.hold();
  }

  /** Ends it, once: lines are saved, the end is written down, both sides are told. Never throws. */
  end(reason: VoiceEnd): Promise<void> {
    return (this.ending ??= this.finish(reason));
  }

  /** Lets go of both sockets, which are to come back: nothing has ended. */
  leave(code: number, reason: string): void {
    if (this.ending !== null) return;
    this.ending = Promise.resolve();
    this.caller?.close(code, reason);
    this.agent?.close(code, reason);
    this.deps.onOver();
  }

  /** Resolves when everything is saved that was said so far, or after a while. */
  async saved(): Promise<void> {
    await within(LINES_MS_MAX, this.lines.idle()).catch(() => undefined);
  }

  private nowMs(): number {
    return this.deps.clock.now().getTime();
  }

  /** Both sides hear how it stands; with the second one of them the talk begins. */
  private greet(): void {
    if (this.caller !== null && this.agent !== null && this.times.liveAtMs === null) {
      this.times.liveAtMs = this.nowMs();
      this.state = 'listening';
    }
    this.caller?.send(statusFrame(this.state));
    this.noteSides();
  }

  private onCallerFrame(peer: VoicePeer, data: Buffer, isBinary: boolean): void {
    if (this.ending !== null || peer !== this.caller) return;
    const frame = parseCallerFrame(data, isBinary, this.voice.inputCodec);
    switch (frame.kind) {
      case 'audio':
        return this.passToAgent(peer, frame);
      case 'interrupt':
        return this.interrupt(frame.playedMs ?? this.playedMs);
      case 'playback':
        this.playedMs = frame.playedMs;
        return;
      case 'end':
        return void this.end('stopped');
      case 'too_big':
        return peer.close(1009, 'Frame too large');
      case 'unknown':
        return;
    }
  }

  private onAgentFrame(peer: VoicePeer, data: Buffer, isBinary: boolean): void {
    if (this.ending !== null || peer !== this.agent) return;
    const frame = parseAgentFrame(data, isBinary, this.voice.outputCodec);
    switch (frame.kind) {
      case 'audio':
        return this.passToCaller(peer, frame);
      case 'utterance':
        return this.utterances.begin(frame.utteranceId);
      case 'clear':
        return this.clear(frame.utteranceId ?? this.utterances.current);
      case 'end':
        return void this.end('agent_left');
      case 'too_big':
        return peer.close(1009, 'Frame too large');
      case 'unknown':
        return;
      default:
        return this.show(peer, frame);
    }
  }

  private passToAgent(peer: VoicePeer, { audio, ms, form }: AudioFrame): void {
    peer.form ??= form;
    this.times.lastAudioAtMs = this.nowMs();
    this.traffic.bytesIn += audio.length;
    if (this.agent !== null) this.noteDropped(this.agent.sendAudio({ audio, ms, utteranceId: null }));
  }

  private passToCaller(peer: VoicePeer, { audio, ms, form }: AudioFrame): void {
    peer.form ??= form;
    this.times.lastAudioAtMs = this.nowMs();
    const utteranceId = this.utterances.current;
    if (!this.utterances.isWanted(utteranceId) || this.caller === null) return;
    this.traffic.bytesOut += audio.length;
    this.noteDropped(this.caller.sendAudio({ audio, ms, utteranceId }));
  }

  /** The user speaks over the agent: what it has not heard yet it is not to hear any more. */
  private interrupt(playedMs: number | null): void {
    this.playedMs = null;
    const id = this.utterances.interrupt();
    this.silence(id);
    if (id !== null) this.caller?.sendFirst({ type: 'clear', utterance_id: id });
    this.agent?.sendFirst({ type: 'interrupt', played_ms: playedMs });
  }

  /** The agent gives up what it was saying. */
  private clear(id: string | null): void {
    this.utterances.interrupt(id);
    this.silence(id);
    this.caller?.sendFirst({ type: 'clear', utterance_id: id });
  }

  /** Of an agent that names nothing, everything. */
  private silence(id: string | null): void {
    this.caller?.discard((audio) => audio.utteranceId === id);
  }

  private show(peer: VoicePeer, frame: Extract<AgentFrame, { kind: 'status' | 'transcript' | 'tool' }>): void {
    if (frame.kind === 'tool') return this.caller?.send(frame.frame);
    if (frame.kind === 'status') {
      if (this.state !== 'connecting') this.state = frame.state;
      return this.caller?.send(statusFrame(frame.state, frame.message));
    }
    const { role, text, isFinal } = frame;
    this.caller?.send({ type: 'transcript', role, text, final: isFinal });
    if (!isFinal || this.speaker === null) return;
    const { liveAtMs } = this.times;
    this.lines.add({ role, text, atMs: Math.max(0, this.nowMs() - (liveAtMs ?? this.nowMs())), agent: this.speaker });
    if (this.lines.isFull) peer.holdUntil(this.lines.idle());
  }

  private onSaved(messageId: string, role: 'user' | 'assistant'): void {
    if (role === 'assistant' && this.caller !== null) this.deps.noteHeard(this.session, messageId);
  }

  private noteDropped(droppedMs: number): void {
    if (droppedMs === 0) return;
    this.traffic.droppedMs += droppedMs;
    this.dropped.add(droppedMs);
    this.sayDropped(this.dropped.due(this.nowMs()));
  }

  private sayDropped(droppedMs: number | null): void {
    if (droppedMs !== null) this.caller?.send({ type: 'warning', code: 'audio_dropped', dropped_ms: droppedMs });
  }

  private onGone(peer: VoicePeer): void {
    const goneAtMs = this.nowMs();
    if (peer === this.caller) {
      this.caller = null;
      this.times.callerGoneAtMs = goneAtMs;
    } else if (peer === this.agent) {
      this.agent = null;
      this.times.agentGoneAtMs = goneAtMs;
    } else return;
    if (this.ending === null) this.noteSides();
  }

  /** Writes down who is there, at once: it is what remains when this process dies. */
  private noteSides(): void {
    if (this.holding === null) this.holding = this.hold();
    else this.isNoteOld = true;
  }

  private async hold(): Promise<void> {
    const startedMs = this.nowMs();
    this.isNoteOld = false;
    try {
      const isOurs = await this.deps.hold(this.note());
      if (isOurs) this.heldAtMs = startedMs;
      else await this.end('error');
    } catch (error) {
      // Tried again with the next beat.
      this.deps.log.warn({ event: 'voice.not_held', voice: this.voice._id, err: error });
    } finally {
      this.holding = null;
      if (this.isNoteOld && this.ending === null) this.noteSides();
    }
  }

  private async finish(reason: VoiceEnd): Promise<void> {
    await this.saved();
    const { deps, voice } = this;
    deps.log.info({ event: 'voice.ending', voice: voice._id, reason, ...this.traffic });
    const note = { ...this.note(), state: 'ended' as const };
    const ended = await deps.end(reason, note).catch((error: unknown) => {
      deps.log.warn({ event: 'voice.end_not_noted', voice: voice._id, err: error });
      return null;
    });
    if (ended?.isLive === true) {
      // Another process has it now.
      this.caller?.close(1012, 'Try again');
      this.agent?.close(1012, 'Try again');
    } else this.sayGoodbye(ended?.endReason ?? reason, ended ?? { ...voice, ...note, endedAt: deps.clock.now() });
    deps.onOver();
  }

  private sayGoodbye(reason: VoiceEnd, { messagesSaved, liveAt, endedAt }: GatewayVoice): void {
    const seconds = talkedSeconds(liveAt, endedAt ?? this.deps.clock.now());
    const saved = { type: 'saved', messages_saved: messagesSaved, duration_seconds: seconds };
    this.caller?.finish([endedFrame(reason), saved], closeCodeOf(reason), 'Ended');
    this.agent?.finish([{ type: 'ended', reason }], 1000, 'Ended');
  }
}

/** A talk that was taken over goes on: whoever was there has the usual time to come back. */
function timesOf({ createdAt, liveAt, maxSeconds, hadAgent, hadCaller }: GatewayVoice, nowMs: number): VoiceTimes {
  return {
    createdAtMs: createdAt.getTime(),
    liveAtMs: liveAt?.getTime() ?? null,
    ...(hadAgent ? { agentGoneAtMs: nowMs } : {}),
    ...(hadCaller ? { callerGoneAtMs: nowMs } : {}),
    lastAudioAtMs: nowMs,
    maxMs: maxSeconds * 1_000,
  };
}
