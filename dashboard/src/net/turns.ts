import { EventStreamReader } from '../model/event-stream';
import { retryDelayMs } from '../model/backoff';
import { hasEnded, newTurn, rewound, withRecord, type Turn } from '../model/turn';
import type { Execution } from '../model/wire';
import { ApiError } from './api';
import type { Saying } from './gateway-calls';

/** Browsers have six connections to a server of HTTP/1.1: streams must leave some for everything else. */
export const STREAMS_MAX = 3;
/** The server says something every 15 s: one that is silent for so long is gone. */
export const SILENCE_MS = 45_000;
/** Turns of this tab that are remembered. */
const KEPT_MAX = 60;

export interface TurnsDeps {
  say: (saying: Saying, signal: AbortSignal) => Promise<Response>;
  resumeTurn: (
    handle: string,
    executionId: string,
    lastEventId: string | null,
    signal: AbortSignal,
  ) => Promise<Response>;
  /** Runs `work` later, once. @returns what calls it off */
  schedule: (ms: number, work: () => void) => () => void;
  nowIso: () => string;
  newKey: () => string;
  /** A turn that began a new session has got one. */
  onSession: (turn: Turn) => void;
}

/**
 * The turns of this tab, from being said to their end. Each open one is followed by a stream, which is resumed when it
 * breaks off; what is heard changes the turn, and whoever looks on is told.
 */
export class Turns {
  private turns: readonly Turn[] = [];
  private readonly streams = new Map<string, AbortController>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly deps: TurnsDeps) {}

  readonly list = (): readonly Turn[] => this.turns;

  /** @returns what ends it */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Says something. `again`: what is said once more, so that it stands for the old attempt, too. */
  say(where: { handle: string; sessionId: string | null }, message: string, again?: Turn): Turn {
    // An attempt that may have arrived keeps its key: the server then knows that it is the same.
    const mayHaveArrived = again?.status === 'refused' && again.problem?.code === 'NETWORK';
    const key = again !== undefined && mayHaveArrived ? again.key : this.deps.newKey();
    if (again !== undefined) this.forget(again.key);
    const turn = newTurn({ key, ...where, message, at: this.deps.nowIso() });
    this.turns = [...this.turns, turn].slice(-KEPT_MAX);
    this.tell();
    void this.follow(key, (signal) => this.deps.say({ ...where, message, key }, signal));
    return turn;
  }

  /** Follows an open turn of which the server tells, unless it is followed already. */
  watch(handle: string, execution: Execution): void {
    const known = this.turns.find(({ executionId }) => executionId === execution.id);
    if (known !== undefined && (hasEnded(known) || this.streams.has(known.key))) return;
    const { id, session_id: sessionId, message, queued_at: at } = execution;
    const status = execution.status === 'queued' ? 'queued' : 'running';
    const turn = known ?? newTurn({ key: id, handle, sessionId, executionId: id, message, at, status });
    if (known === undefined) this.turns = [...this.turns, turn].slice(-KEPT_MAX);
    this.change(turn.key, rewound);
    void this.follow(turn.key, null);
  }

  /** Its messages are read from the server from now on. */
  forget(key: string): void {
    this.drop(key);
    this.turns = this.turns.filter((turn) => turn.key !== key);
    this.tell();
  }

  /** The page is left: nothing is followed any more. The turns go on without it. */
  end(): void {
    for (const key of [...this.streams.keys()]) this.drop(key);
    this.turns = [];
  }

  private drop(key: string): void {
    this.streams.get(key)?.abort();
    this.streams.delete(key);
  }

  /** The oldest stream is let go: it is resumed when somebody looks at its turn. One that is not accepted yet has no name. */
  private makeRoom(newest: string): void {
    const others = [...this.streams.keys()].filter((key) => key !== newest);
    const oldest = others.find((key) => this.find(key)?.executionId !== null);
    if (others.length >= STREAMS_MAX && oldest !== undefined) this.drop(oldest);
  }

  /** @param first what opens the first stream; null: it is resumed from the beginning */
  private async follow(key: string, first: ((signal: AbortSignal) => Promise<Response>) | null): Promise<void> {
    const control = new AbortController();
    this.streams.set(key, control);
    this.makeRoom(key);
    const isMine = (): boolean => this.streams.get(key) === control;
    let open = first;
    let failures = 0;
    while (isMine()) {
      const hadTold = this.find(key)?.certain.id ?? null;
      await this.attempt(key, open, control).catch((error: unknown) => {
        if (isMine()) this.fail(key, error);
      });
      const turn = this.find(key);
      if (turn === undefined || !isMine() || hasEnded(turn)) break;
      open = null;
      failures = turn.certain.id === hadTold ? failures + 1 : 1;
      this.change(key, rewound);
      await new Promise<void>((done) => void this.deps.schedule(retryDelayMs(failures), done));
    }
    if (isMine()) this.streams.delete(key);
  }

  /** One stream, up to where it ends. */
  private async attempt(
    key: string,
    open: ((signal: AbortSignal) => Promise<Response>) | null,
    control: AbortController,
  ): Promise<void> {
    // Of its own, so that a silent stream can be given up while the turn is still followed.
    const attempt = new AbortController();
    const giveUp = (): void => attempt.abort();
    control.signal.addEventListener('abort', giveUp);
    try {
      const response = await (open ?? this.resume(key))(attempt.signal);
      this.enter(key, response);
      await this.read(key, response, giveUp);
    } finally {
      control.signal.removeEventListener('abort', giveUp);
      giveUp();
    }
  }

  private resume(key: string): (signal: AbortSignal) => Promise<Response> {
    const turn = this.find(key);
    const { handle = '', executionId = null, certain } = turn ?? {};
    if (executionId === null) throw new ApiError(0, 'NETWORK', 'The server cannot be reached');
    return (signal) => this.deps.resumeTurn(handle, executionId, certain?.id ?? null, signal);
  }

  /** The server has the turn: its headers name it and its session. */
  private enter(key: string, response: Response): void {
    const before = this.find(key);
    if (before === undefined) return;
    const executionId = response.headers.get('x-execution-id') ?? before.executionId;
    const sessionId = response.headers.get('x-session-id') ?? before.sessionId;
    const status = before.status === 'sending' ? 'queued' : before.status;
    this.change(key, (turn) => ({ ...turn, executionId, sessionId, status, isBroken: false }));
    if (before.sessionId === null && sessionId !== null) this.deps.onSession({ ...before, executionId, sessionId });
  }

  private async read(key: string, response: Response, giveUp: () => void): Promise<void> {
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const [decoder, records] = [new TextDecoder(), new EventStreamReader()];
    let callOff = this.deps.schedule(SILENCE_MS, giveUp);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        callOff();
        if (done) return;
        callOff = this.deps.schedule(SILENCE_MS, giveUp);
        const heard = records.take(decoder.decode(value, { stream: true }));
        if (heard.length > 0) this.change(key, (turn) => heard.reduce(withRecord, turn));
      }
    } finally {
      callOff();
    }
  }

  /** A refusal ends the turn when it never began, or is not there any more; everything else is tried again. */
  private fail(key: string, error: unknown): void {
    const { status, code, message } =
      error instanceof ApiError ? error : new ApiError(0, 'NETWORK', 'The connection broke off');
    const turn = this.find(key);
    if (turn === undefined) return;
    const problem = { code, message };
    if (turn.executionId === null) this.change(key, (now) => ({ ...now, status: 'refused', problem }));
    else if (status >= 400 && status < 500 && status !== 429) {
      this.change(key, (now) => ({ ...now, status: 'failed', problem }));
    }
  }

  private find(key: string): Turn | undefined {
    return this.turns.find((turn) => turn.key === key);
  }

  private change(key: string, update: (turn: Turn) => Turn): void {
    this.turns = this.turns.map((turn) => (turn.key === key ? update(turn) : turn));
    this.tell();
  }

  private tell(): void {
    this.listeners.forEach((listener) => listener());
  }
}
