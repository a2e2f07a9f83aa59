import { VOICE_PING_MS, VOICE_PONG_MS } from '../../contract/voice-limits';
import type { AgentSocket } from '../realtime/wire/socket';

/** Pings a voice socket, and cuts it off when it does not answer: 30 s and 10 s of gateway.md §7. */
export class Heartbeat {
  private lastPingMs = Date.now();
  private isAnswered = true;

  constructor(private readonly socket: AgentSocket) {}

  /** Anything that came from the peer. */
  noteLife(): void {
    this.isAnswered = true;
  }

  /** Called about every second. */
  beat(nowMs: number): void {
    const sinceMs = nowMs - this.lastPingMs;
    // Not read from on purpose: its pong may stand behind what waits.
    if (!this.isAnswered && !this.socket.isPaused && sinceMs >= VOICE_PONG_MS) return this.socket.terminate();
    if (sinceMs < VOICE_PING_MS || this.socket.readyState !== this.socket.OPEN) return;
    this.lastPingMs = nowMs;
    this.isAnswered = false;
    this.socket.ping();
  }
}
