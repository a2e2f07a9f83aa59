import type { z } from 'zod';
import type { ErrorCode } from '../../contract/codes';
import { ACK_ID_LENGTH_MAX, readAckFrameSchema, typingFrameSchema } from '../../contract/frames';
import { setPresenceSchema } from '../../contract/presence';
import type { Agent } from '../../store/collections/agents';
import type { AckBuffer } from './ack-buffer';
import { errorFrame, type Frame, type TypingType } from './frames';
import type { InboundLimits } from './inbound-limits';
import type { PresenceService } from './presence';
import type { ReadAcks } from './read-acks';
import type { TypingRelay } from './typing';

export interface InboundDeps {
  presence: PresenceService;
  typing: TypingRelay;
  reads: ReadAcks;
}

interface InboundSocket {
  agent: Agent;
  acks: AckBuffer;
  limits: InboundLimits;
  /** Sends text to the client; one that does not read is closed. */
  reply: (text: string) => void;
}

/**
 * What an authenticated client says over its socket (realtime.md §4), but for `hello`. Whatever it sends, the socket
 * stays open; what is wrong with it is told by an `error` frame, so rarely that a flood of bad frames gets no flood back.
 */
export class Inbound {
  constructor(
    private readonly socket: InboundSocket,
    private readonly deps: InboundDeps,
  ) {}

  handle(frame: Frame): void {
    switch (frame.type) {
      case 'ack':
        return this.ack(frame);
      case 'message.read_ack':
        return this.markRead(frame);
      case 'ping':
        return this.socket.reply('{"type":"pong"}');
      case 'presence.update':
        return void this.setPresence(frame);
      case 'typing.start':
      case 'typing.stop':
        return this.relayTyping(frame, frame.type);
      case 'message.send':
        return this.refuse('UNSUPPORTED_ACTION', 'Send with POST /v1/messages', frame);
      default:
        return;
    }
  }

  /** Whatever it names that cannot be acked is silently nothing (realtime.md §5.3). */
  private ack({ message_id: id }: Frame): void {
    if (typeof id === 'string' && id.length <= ACK_ID_LENGTH_MAX) this.socket.acks.ackMessage(id);
  }

  /** Like `PUT /v1/presence`; an invalid frame is ignored (social.md §9.2), one too many is told (realtime.md §4). */
  private async setPresence(frame: Frame): Promise<void> {
    const parsed = setPresenceSchema.safeParse(frame.payload);
    if (!parsed.success) return;
    if (!this.socket.limits.presence.take(Date.now())) return this.tooMany('presence updates', frame);
    await this.deps.presence.set(this.socket.agent, parsed.data).catch(() => undefined);
  }

  private relayTyping(frame: Frame, type: TypingType): void {
    const payload = this.parse(typingFrameSchema, frame);
    if (payload === null) return;
    const conversationId = payload.conversation_id;
    const { limits, agent } = this.socket;
    if (!limits.takeTyping(`${type}:${conversationId}`, Date.now())) return this.tooMany('typing frames', frame);
    this.deps.typing.relay(agent, { type, conversationId }, () => this.notFound(frame));
  }

  /** Larger than the newest seq means everything; what came before the last one changes nothing. */
  private markRead(frame: Frame): void {
    const payload = this.parse(readAckFrameSchema, frame);
    if (payload === null) return;
    const { limits, agent } = this.socket;
    if (!limits.readAcks.take(Date.now())) return this.tooMany('read acks', frame);
    const through = { conversationId: payload.conversation_id, throughSeq: payload.through_seq };
    this.deps.reads.mark(agent, through, () => this.notFound(frame));
  }

  private notFound(frame: Frame): void {
    this.refuse('CONVERSATION_NOT_FOUND', 'No such conversation', frame);
  }

  /** The frame's payload, or null after the client was told what is wrong with it. */
  private parse<T>(schema: z.ZodType<T>, frame: Frame): T | null {
    const parsed = schema.safeParse(frame.payload);
    if (parsed.success) return parsed.data;
    this.refuse('VALIDATION_ERROR', parsed.error.issues[0]?.message ?? 'Invalid payload', frame);
    return null;
  }

  private tooMany(what: string, frame: Frame): void {
    this.refuse('RATE_LIMITED', `Too many ${what}`, frame);
  }

  private refuse(code: ErrorCode | 'UNSUPPORTED_ACTION', message: string, frame: Frame): void {
    if (this.socket.limits.takeError(code, Date.now())) this.socket.reply(errorFrame(code, message, frame.id));
  }
}
