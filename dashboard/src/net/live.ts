import { retryDelayMs } from '../model/backoff';
import type { Frame } from '../model/wire';

/** A hidden tab gives its socket back after this long. */
export const HIDDEN_CLOSE_MS = 10_000;

/** Instead of a ticket. */
export const SIGNED_OUT = Symbol('signed out');
export const LATER = Symbol('later');

const POLICY_VIOLATION = 1008;
const nothing = (): void => undefined;

/** The part of a WebSocket that is used here. */
export interface LiveSocket {
  onMessage(listener: (text: string) => void): void;
  onClose(listener: (code: number, reason: string) => void): void;
  close(): void;
}

export type LiveState = 'connecting' | 'open' | 'waiting' | 'stopped';

export interface LiveDeps {
  /** A fresh ticket, or why there is none: the session is over, or it may work later. */
  ticket: () => Promise<string | typeof SIGNED_OUT | typeof LATER>;
  open: (ticket: string) => LiveSocket;
  /** Runs `work` later, once. @returns what calls it off */
  schedule: (ms: number, work: () => void) => () => void;
  onFrame: (frame: Frame) => void;
  /** The socket is open, for the first time or again: what was missed has to be read. */
  onOpen: () => void;
  /** This session was signed out elsewhere. */
  onRevoked: () => void;
  onState: (state: LiveState) => void;
}

/**
 * The one socket of this tab (dashboard.md §9). Each attempt takes a new ticket; failures are retried after 1, 2, 4 … 30 s,
 * counted from the last `hello.ok`; without a session nothing is tried until the reader does something.
 */
export class Live {
  private failures = 0;
  private state: LiveState = 'stopped';
  private socket: LiveSocket | null = null;
  /** Each connection has a number, so that what an older one still says is not heard. */
  private current = 0;
  private cancelRetry = nothing;
  private cancelHiding = nothing;

  constructor(private readonly deps: LiveDeps) {
    void this.connect();
  }

  /** A navigation or focus: tries at once what waits or has stopped. */
  readonly wake = (): void => {
    if (this.state === 'waiting' || this.state === 'stopped') void this.connect();
  };

  /** A tab that stays hidden gives its socket back, and takes a new one when it is seen again. */
  setHidden(isHidden: boolean): void {
    this.cancelHiding();
    if (isHidden) this.cancelHiding = this.deps.schedule(HIDDEN_CLOSE_MS, () => this.stop());
    else this.wake();
  }

  end(): void {
    this.cancelHiding();
    this.stop();
  }

  private async connect(): Promise<void> {
    this.drop();
    const mine = this.current;
    this.enter('connecting');
    const ticket = await this.deps.ticket().catch((): typeof LATER => LATER);
    if (mine !== this.current) return;
    if (ticket === SIGNED_OUT) return this.enter('stopped');
    if (ticket === LATER) return this.retryLater();
    this.listen(this.deps.open(ticket), mine);
  }

  private listen(socket: LiveSocket, mine: number): void {
    this.socket = socket;
    socket.onMessage((text) => {
      if (mine === this.current) this.hear(text);
    });
    socket.onClose((code, reason) => {
      if (mine !== this.current) return;
      this.socket = null;
      if (code !== POLICY_VIOLATION || reason !== 'Signed out') return this.retryLater();
      this.enter('stopped');
      this.deps.onRevoked();
    });
  }

  private hear(text: string): void {
    const frame = parseFrame(text);
    if (frame === null) return;
    if (frame.type !== 'hello.ok') return this.deps.onFrame(frame);
    this.failures = 0;
    this.enter('open');
    this.deps.onOpen();
  }

  private retryLater(): void {
    this.failures += 1;
    this.enter('waiting');
    this.cancelRetry = this.deps.schedule(retryDelayMs(this.failures), () => void this.connect());
  }

  private stop(): void {
    this.drop();
    this.enter('stopped');
  }

  private drop(): void {
    this.current += 1;
    this.cancelRetry();
    this.socket?.close();
    this.socket = null;
  }

  private enter(state: LiveState): void {
    this.state = state;
    this.deps.onState(state);
  }
}

const KNOWN: readonly string[] = ['hello.ok', 'message.new', 'agent.changed', 'agent.removed'];

/** Frames of other types are for later versions of this page. */
function parseFrame(text: string): Frame | null {
  const frame: unknown = JSON.parse(text);
  if (typeof frame !== 'object' || frame === null) return null;
  const type: unknown = Reflect.get(frame, 'type');
  return typeof type === 'string' && KNOWN.includes(type) ? (frame as Frame) : null;
}
