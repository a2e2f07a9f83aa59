import type { WebSocket } from 'ws';
import { ERROR_FRAME_INTERVAL_MS, PRESENCE_FRAMES_PER_MINUTE } from '../../contract/limits';
import { setPresenceSchema } from '../../contract/presence';
import type { Agent } from '../../store/collections/agents';
import type { AckBuffer } from './ack-buffer';
import { Budget } from './budget';
import { errorFrame, type Frame } from './frames';
import type { PresenceService } from './presence';

export interface InboundDeps {
  presence: PresenceService;
}

/**
 * What an authenticated client says over its socket (realtime.md §4), but for `hello`. Whatever it sends, the socket
 * stays open; what is wrong with it is told by an `error` frame, so rarely that a flood of bad frames gets no flood back.
 */
export class Inbound {
  private lastErrorMs = Number.NEGATIVE_INFINITY;
  private readonly presenceBudget = new Budget(PRESENCE_FRAMES_PER_MINUTE, 60_000);

  constructor(
    private readonly socket: WebSocket,
    private readonly agent: Agent,
    private readonly acks: AckBuffer,
    private readonly deps: InboundDeps,
  ) {}

  handle(frame: Frame): void {
    switch (frame.type) {
      case 'ack':
        if (typeof frame.message_id === 'string') this.acks.ackMessage(frame.message_id);
        return;
      case 'ping':
        return this.socket.send('{"type":"pong"}');
      case 'presence.update':
        return void this.setPresence(frame);
      case 'message.send':
        return this.refuse('UNSUPPORTED_ACTION', 'Send with POST /v1/messages', frame);
      default:
        return;
    }
  }

  /** Like `PUT /v1/presence`; an invalid frame is ignored (social.md §9.2), one too many is told (realtime.md §4). */
  private async setPresence(frame: Frame): Promise<void> {
    const parsed = setPresenceSchema.safeParse(frame.payload);
    if (!parsed.success) return;
    if (!this.presenceBudget.take(Date.now())) return this.refuse('RATE_LIMITED', 'Too many presence updates', frame);
    await this.deps.presence.set(this.agent, parsed.data).catch(() => undefined);
  }

  private refuse(code: string, message: string, frame: Frame): void {
    const nowMs = performance.now();
    if (nowMs - this.lastErrorMs < ERROR_FRAME_INTERVAL_MS) return;
    this.lastErrorMs = nowMs;
    this.socket.send(errorFrame(code, message, frame.id));
  }
}
