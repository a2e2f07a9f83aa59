import type { AgentSocket, SocketHandler } from '../realtime/wire/socket';

/** A frame as it came. */
export interface RawFrame {
  data: Buffer;
  isBinary: boolean;
}

/** No more is read than so many frames before it is known who speaks: a stranger must not fill the memory. */
const EARLY_MAX = 16;

/** A socket of which it is not known yet where it belongs: what it says meanwhile is kept for there. */
export class PendingSocket implements SocketHandler {
  private early: RawFrame[] = [];
  private isClosed = false;
  private isRefused = false;
  private onSomething: () => void = () => undefined;

  constructor(readonly socket: AgentSocket) {
    socket.attach(this);
  }

  onFrame(data: Buffer, isBinary: boolean): void {
    if (this.isRefused) return;
    this.early.push({ data, isBinary });
    if (this.early.length >= EARLY_MAX && !this.socket.isPaused) this.socket.pause();
    this.onSomething();
  }

  onPing(): void {
    // The library answers.
  }

  onPong(): void {
    // It is not pinged yet.
  }

  onClose(): void {
    this.isClosed = true;
    this.onSomething();
  }

  /** The first frame, which is taken out; null: there was none in time. */
  async firstFrame(timeoutMs: number): Promise<RawFrame | null> {
    if (this.early.length === 0 && !this.isClosed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.onSomething = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.early.shift() ?? null;
  }

  /** It does not belong anywhere. */
  close(code: number, reason: string): void {
    this.isRefused = true;
    this.early = [];
    this.socket.close(code, reason);
    // Its own close has to be read.
    if (this.socket.isPaused) this.socket.resume();
  }

  /** From now on `handler` hears of everything, also of what came before. */
  moveTo(handler: SocketHandler): void {
    this.socket.attach(handler);
    for (const { data, isBinary } of this.early) handler.onFrame(data, isBinary);
    this.early = [];
    if (this.isClosed) handler.onClose();
    else if (this.socket.isPaused) this.socket.resume();
  }
}
