import { VOICE_QUEUE } from '../contract/voice-limits';

/** A frame of audio on its way, and which utterance it belongs to; null: its agent names none. */
export interface QueuedAudio {
  kind: 'audio';
  audio: Uint8Array;
  ms: number;
  utteranceId: string | null;
}

/** Anything else that is said, as JSON text. */
export interface QueuedControl {
  kind: 'control';
  text: string;
}

export type Queued = QueuedAudio | QueuedControl;

/**
 * What waits for one side that reads more slowly than the other speaks (gateway.md §7): two seconds of audio, or so many
 * bytes, whichever is less. Beyond that the oldest audio goes; what is no audio never does.
 */
export class AudioQueue {
  private entries: Queued[] = [];
  private urgent: QueuedControl[] = [];
  private ms = 0;
  private bytes = 0;
  /** Characters of what is no audio: of a side that does not read at all they would grow for ever. */
  controlLength = 0;

  /** @returns milliseconds of audio that had to go for it */
  push(entry: Queued): number {
    this.entries.push(entry);
    if (entry.kind === 'control') {
      this.controlLength += entry.text.length;
      return 0;
    }
    this.ms += entry.ms;
    this.bytes += entry.audio.length;
    let droppedMs = 0;
    // Never what came just now: one long frame may be more by itself.
    while (this.isOver() && this.bytes > entry.audio.length) droppedMs += this.dropOldest();
    return droppedMs;
  }

  /** Comes before everything that waits: what ends an utterance must not wait behind it. */
  pushFirst(entry: QueuedControl): void {
    this.urgent.push(entry);
    this.controlLength += entry.text.length;
  }

  take(): Queued | null {
    const first = this.urgent.shift() ?? this.entries.shift() ?? null;
    if (first?.kind === 'audio') this.forget(first);
    else this.controlLength -= first?.text.length ?? 0;
    return first;
  }

  /** Discards the audio that fits; everything else keeps its order. */
  discard(isMeant: (audio: QueuedAudio) => boolean): void {
    this.entries = this.entries.filter((entry) => {
      if (entry.kind === 'control' || !isMeant(entry)) return true;
      this.forget(entry);
      return false;
    });
  }

  private isOver(): boolean {
    return this.ms > VOICE_QUEUE.msMax || this.bytes > VOICE_QUEUE.bytesMax;
  }

  private dropOldest(): number {
    const index = this.entries.findIndex(({ kind }) => kind === 'audio');
    const [oldest] = this.entries.splice(index, 1);
    if (oldest?.kind !== 'audio') throw new Error('there is audio while some is counted');
    this.forget(oldest);
    return oldest.ms;
  }

  private forget({ ms, audio }: QueuedAudio): void {
    this.bytes -= audio.length;
    // Fractions of milliseconds do not add up exactly.
    this.ms = this.bytes === 0 ? 0 : this.ms - ms;
  }
}
