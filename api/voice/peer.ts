import { VOICE_BUFFER_BYTES_MAX } from '../../contract/voice-limits';
import { audioText, type AudioForm } from '../../domain/voice-frames';
import { AudioQueue, type Queued, type QueuedAudio } from '../../domain/voice-queue';
import { VoiceRate } from '../../domain/voice-rate';
import type { AgentSocket, SocketHandler } from '../realtime/wire/socket';
import { Heartbeat } from './heartbeat';
import type { PendingSocket } from './pending-socket';

/** Whose socket it is. */
export interface PeerOwner {
  onFrame(peer: VoicePeer, data: Buffer, isBinary: boolean): void;
  onGone(peer: VoicePeer): void;
}

/**
 * What a socket may hold before more waits in the queue, where it can still be discarded: a second of audio. It stays
 * far below what a socket may buffer (gateway.md §7).
 */
const HIGH_WATER_BYTES = 65_536;

/** A peer that does not answer the close is cut off. */
const CLOSE_MS = 2_000;

/** One side's socket of a talk: what it says goes to its owner, what it is to hear waits here until it reads. */
export class VoicePeer implements SocketHandler {
  /** The form of audio that it used first; null: it has said nothing. */
  form: AudioForm | null = null;
  private readonly queue = new AudioQueue();
  private readonly rate = new VoiceRate(Date.now());
  private readonly heartbeat: Heartbeat;
  private readonly socket: AgentSocket;
  private isClosing = false;
  private readonly onWritten = (): void => this.flush();

  constructor(
    pending: PendingSocket,
    private readonly usualForm: AudioForm,
    private readonly owner: PeerOwner,
  ) {
    this.socket = pending.socket;
    this.heartbeat = new Heartbeat(pending.socket);
  }

  onFrame(data: Buffer, isBinary: boolean): void {
    this.heartbeat.noteLife();
    if (this.isClosing) return;
    if (!this.rate.take(data.length, Date.now())) return this.close(4008, 'Too much at once');
    this.owner.onFrame(this, data, isBinary);
  }

  onPing(): void {
    this.heartbeat.noteLife();
  }

  onPong(): void {
    this.heartbeat.noteLife();
  }

  onClose(): void {
    this.isClosing = true;
    this.owner.onGone(this);
  }

  beat(nowMs: number): void {
    this.heartbeat.beat(nowMs);
  }

  /** Reads no more from it until `work` is done. */
  holdUntil(work: Promise<unknown>): void {
    if (this.socket.isPaused) return;
    this.socket.pause();
    void work.finally(() => this.socket.resume());
  }

  /** @returns milliseconds of older audio that had to go for it */
  sendAudio(audio: Omit<QueuedAudio, 'kind'>): number {
    const droppedMs = this.queue.push({ kind: 'audio', ...audio });
    this.flush();
    return droppedMs;
  }

  send(frame: object): void {
    this.queue.push({ kind: 'control', text: JSON.stringify(frame) });
    this.flush();
  }

  /** Before everything that waits. */
  sendFirst(frame: object): void {
    this.queue.pushFirst({ kind: 'control', text: JSON.stringify(frame) });
    this.flush();
  }

  /** Discards the audio that waits here and fits. */
  discard(isMeant: (audio: QueuedAudio) => boolean): void {
    this.queue.discard(isMeant);
  }

  close(code: number, reason: string): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.socket.close(code, reason);
    setTimeout(() => this.socket.terminate(), CLOSE_MS).unref();
    // At once, not when the peer has answered the close.
    this.owner.onGone(this);
  }

  /** The last frames, behind all others but audio, then the close. */
  finish(frames: object[], code: number, reason: string): void {
    if (this.isClosing) return;
    this.queue.discard(() => true);
    for (const frame of frames) this.queue.push({ kind: 'control', text: JSON.stringify(frame) });
    for (let next = this.queue.take(); next !== null; next = this.queue.take()) this.write(next);
    this.close(code, reason);
  }

  private flush(): void {
    const { socket } = this;
    while (!this.isClosing && socket.readyState === socket.OPEN && socket.bufferedAmount < HIGH_WATER_BYTES) {
      const next = this.queue.take();
      if (next === null) return;
      this.write(next);
    }
    // What is no audio is never dropped: a side that does not read even that has to come back.
    if (this.queue.controlLength > VOICE_BUFFER_BYTES_MAX - HIGH_WATER_BYTES) this.close(1013, 'overload');
  }

  private write(entry: Queued): void {
    if (entry.kind === 'control') this.socket.send(entry.text, this.onWritten);
    else if ((this.form ?? this.usualForm) === 'text') this.socket.send(audioText(entry.audio), this.onWritten);
    else this.socket.send(entry.audio, { binary: true }, this.onWritten);
  }
}
