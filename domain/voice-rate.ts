import { VOICE_BYTES_PER_SECOND, VOICE_FRAMES_PER_SECOND } from '../contract/voice-limits';

/** How many seconds of the sustained rate may come at once: networks deliver in bursts. */
const BURST_SECONDS = 2;

/** What one side may send (gateway.md §7): so much a second over time, twice as much at once. */
export class VoiceRate {
  private frames = BURST_SECONDS * VOICE_FRAMES_PER_SECOND;
  private bytes = BURST_SECONDS * VOICE_BYTES_PER_SECOND;

  constructor(private takenAtMs: number) {}

  /** False when the side sends too much. */
  take(bytes: number, nowMs: number): boolean {
    const seconds = Math.max(0, nowMs - this.takenAtMs) / 1_000;
    this.takenAtMs = Math.max(this.takenAtMs, nowMs);
    this.frames = refill(this.frames, VOICE_FRAMES_PER_SECOND, seconds) - 1;
    this.bytes = refill(this.bytes, VOICE_BYTES_PER_SECOND, seconds) - bytes;
    return this.frames >= 0 && this.bytes >= 0;
  }
}

const refill = (left: number, perSecond: number, seconds: number): number =>
  Math.min(BURST_SECONDS * perSecond, left + perSecond * seconds);
