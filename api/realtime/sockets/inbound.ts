import type { z } from 'zod';
import type { ErrorCode } from '../../../contract/codes';
import { ACK_ID_LENGTH_MAX, readAckFrameSchema, typingFrameSchema } from '../../../contract/frames';
import { setPresenceSchema } from '../../../contract/presence';
import type { AgentSockets } from './agent-sockets';
import type { SocketAgent } from './open-socket';
import { errorFrame, type Frame, type TypingType } from '../wire/frames';
import type { PresenceService } from '../presence/presence';
import type { ReadAcks } from './read-acks';
import type { TurnFrames } from './turn-frames';
import type { TypingRelay } from './typing';
import type { VoiceFrames } from './voice-frames';

export interface InboundDeps {
  presence: PresenceService;
  typing: TypingRelay;
  reads: ReadAcks;
  turns: TurnFrames;
  voice: VoiceFrames;
}

/** The socket that a frame came over. */
interface InboundSocket {
  agent: SocketAgent;
  shared: AgentSockets;
  /** Sends text to the client; one that does not read is closed. */
  reply: (text: string) => void;
}

/**
 * What an authenticated client says over its socket (realtime.md §4), but for `hello`; one for all sockets. Whatever it sends, the socket
 * stays open; what is wrong with it is told by an `error` frame, so rarely that a flood of bad frames gets no flood back.
 */
export class Inbound {
  constructor(private readonly deps: InboundDeps) {}

  handle(socket: InboundSocket, frame: Frame): void {
    switch (frame.type) {
      case 'ack':
        return this.ack(socket, frame);
      case 'message.read_ack':
        return this.markRead(socket, frame);
      case 'ping':
        return socket.reply('{"type":"pong"}');
      case 'presence.update':
        return void this.setPresence(socket, frame);
      case 'typing.start':
      case 'typing.stop':
        return this.relayTyping(socket, frame, frame.type);
      case 'message.send':
        return refuse(socket, 'UNSUPPORTED_ACTION', 'Send with POST /v1/messages', frame);
      default:
        if (frame.type.startsWith('turn.')) this.handleTurn(socket, frame);
        else if (frame.type.startsWith('voice.')) this.deps.voice.handle(socket.agent, frame);
    }
  }

  /** True when a `hello` on an open socket is looked at; one too many is dropped, whatever key it shows. */
  takesHello(socket: InboundSocket, frame: Frame): boolean {
    if (socket.shared.limits.hellos.take(Date.now())) return true;
    tooMany(socket, 'hellos', frame);
    return false;
  }

  /** Whatever it names that cannot be acked is silently nothing (realtime.md §5.3). */
  private ack({ shared }: InboundSocket, { message_id: id }: Frame): void {
    if (typeof id === 'string' && id.length <= ACK_ID_LENGTH_MAX) shared.acks.ackMessage(id);
  }

  private handleTurn({ agent, shared, reply }: InboundSocket, frame: Frame): void {
    const mayTake = frame.type !== 'turn.delta' || shared.limits.turnDeltas.take(Date.now());
    this.deps.turns.handle(agent, frame, { say: reply, mayTake });
  }

  /** Like `PUT /v1/presence`: what that refuses is refused here; one too many is told, too (realtime.md §4). */
  private async setPresence(socket: InboundSocket, frame: Frame): Promise<void> {
    const override = parse(socket, setPresenceSchema, frame);
    if (override === null) return;
    if (!socket.shared.limits.presence.take(Date.now())) return tooMany(socket, 'presence updates', frame);
    await this.deps.presence.set(socket.agent, override).catch(() => undefined);
  }

  private relayTyping(socket: InboundSocket, frame: Frame, type: TypingType): void {
    const payload = parse(socket, typingFrameSchema, frame);
    if (payload === null) return;
    const conversationId = payload.conversation_id;
    const { shared, agent } = socket;
    if (!shared.limits.takeTyping(`${type}:${conversationId}`, Date.now()))
      return tooMany(socket, 'typing frames', frame);
    this.deps.typing.relay(agent, { type, conversationId }, () => notFound(socket, frame));
  }

  /** Larger than the newest seq means everything; what came before the last one changes nothing. */
  private markRead(socket: InboundSocket, frame: Frame): void {
    const payload = parse(socket, readAckFrameSchema, frame);
    if (payload === null) return;
    if (!socket.shared.limits.readAcks.take(Date.now())) return tooMany(socket, 'read acks', frame);
    const through = { conversationId: payload.conversation_id, throughSeq: payload.through_seq };
    this.deps.reads.mark(socket.agent, through, () => notFound(socket, frame));
  }
}

function notFound(socket: InboundSocket, frame: Frame): void {
  refuse(socket, 'CONVERSATION_NOT_FOUND', 'No such conversation', frame);
}

/** The frame's payload, or null after the client was told what is wrong with it. */
function parse<T>(socket: InboundSocket, schema: z.ZodType<T>, frame: Frame): T | null {
  const parsed = schema.safeParse(frame.payload);
  if (parsed.success) return parsed.data;
  refuse(socket, 'VALIDATION_ERROR', parsed.error.issues[0]?.message ?? 'Invalid payload', frame);
  return null;
}

function tooMany(socket: InboundSocket, what: string, frame: Frame): void {
  refuse(socket, 'RATE_LIMITED', `Too many ${what}`, frame);
}

function refuse(socket: InboundSocket, code: ErrorCode | 'UNSUPPORTED_ACTION', message: string, frame: Frame): void {
  if (socket.shared.limits.takeError(code, Date.now())) socket.reply(errorFrame(code, message, frame.id));
}
