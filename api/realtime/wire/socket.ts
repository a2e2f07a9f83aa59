import { WebSocket, type RawData } from 'ws';
import { SOCKET_BUFFER_BYTES_MAX } from '../../../contract/limits';

/** What happens on a socket. */
export interface SocketHandler {
  onFrame(data: Buffer, isBinary: boolean): void;
  onPing(): void;
  onPong(): void;
  onClose(): void;
}

/**
 * The server's end of a socket. Its listeners are functions that all sockets share and that find the handler here: a
 * closure per event and socket was a tenth of what an idle socket held.
 */
export class AgentSocket extends WebSocket {
  private handler: SocketHandler | null = null;

  /** Tells `handler` of everything from now on, and nobody else any more. */
  attach(handler: SocketHandler): void {
    const isFirst = this.handler === null;
    this.handler = handler;
    if (!isFirst) return;
    // Whoever made the socket put a listener there that only traces.
    this.removeAllListeners('error');
    this.on('error', ignore).on('message', onMessage).on('pong', onPong).on('ping', onPing).on('close', onClose);
  }

  /** True when so much waits to be read that nothing more may be added (realtime.md §5.5). */
  get isOverloaded(): boolean {
    return this.bufferedAmount > SOCKET_BUFFER_BYTES_MAX;
  }

  /** `ws` closes for a frame that it did not even read, without a reason. */
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? (code === 1009 ? 'Frame too large' : undefined));
  }

  /** Null also for a socket of another making, which none of the listeners below ever meets. */
  static handlerOf(socket: WebSocket): SocketHandler | null {
    return socket instanceof AgentSocket ? socket.handler : null;
  }
}

/** A close follows, and says all that matters. */
const ignore = (): void => undefined;

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  // One buffer, as for every socket that was not told otherwise.
  AgentSocket.handlerOf(this)?.onFrame(data as Buffer, isBinary);
}

function onPong(this: WebSocket): void {
  AgentSocket.handlerOf(this)?.onPong();
}

function onPing(this: WebSocket): void {
  AgentSocket.handlerOf(this)?.onPing();
}

function onClose(this: WebSocket): void {
  AgentSocket.handlerOf(this)?.onClose();
}
