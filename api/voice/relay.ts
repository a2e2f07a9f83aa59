import { WebSocket, type RawData } from 'ws';
import { VOICE_TEXT_FRAME_BYTES_MAX } from '../../contract/voice-limits';
import type { Clock } from '../../platform/clock';
import type { UrlSigner } from '../../platform/signed-urls';
import type { VoiceHome } from '../../store/schema/collections/voice';
import type { AgentSocket, SocketHandler } from '../realtime/wire/socket';
import { Heartbeat } from './heartbeat';
import type { PendingSocket } from './pending-socket';

/** What one api process asks of another that is the home of a talk. */
export type RelayOrder =
  | { kind: 'caller' }
  /** `keyVersion`: of the key that its hello had. */
  | { kind: 'agent'; keyVersion: number }
  | { kind: 'stop' }
  | { kind: 'reject' };

const PATH = /^\/internal\/voice\/([\w-]+)\/([\w-]+)\/(caller|agent|stop|reject)\/(\d+)$/;
/** Longer than two processes need to connect, and than their clocks differ. */
const ORDER_MS = 30_000;
/** A home that lives must not be taken for dead because it is busy: both sides would be sent away. */
const CONNECT_MS = 4_000;
/** A home that has to end a talk first saves what was said. */
const ENDED_MS = 8_000;
/** What may wait between two sockets: little, or audio would wait here instead of in the talk's queue. */
const WAITING_BYTES_MAX = 65_536;

/** The path of an order, which only holders of `SECRET_KEYS` can sign. */
function pathOf(home: VoiceHome, voiceId: string, order: RelayOrder): string {
  const version = order.kind === 'agent' ? order.keyVersion : 0;
  return `/internal/voice/${home.nodeId}/${voiceId}/${order.kind}/${version}`;
}

/** An order that came to this process; null: it is none, or not signed, or meant for another. */
export function readOrder(
  { path, query }: { path: string; query: string },
  { nodeId, signer, now }: { nodeId: string; signer: UrlSigner; now: Date },
): { voiceId: string; order: RelayOrder } | null {
  const [, forNode, voiceId = '', kind = '', version = ''] = PATH.exec(path) ?? [];
  if (forNode !== nodeId || !signer.verify('voice', path, new URLSearchParams(query), now)) return null;
  if (kind === 'agent') return { voiceId, order: { kind, keyVersion: Number(version) } };
  return kind === 'caller' || kind === 'stop' || kind === 'reject' ? { voiceId, order: { kind } } : null;
}

export interface RelayDeps {
  signer: UrlSigner;
  clock: Clock;
}

/** @returns the open socket to the home; null: it could not be reached, or has no such talk */
function connect(
  { signer, clock }: RelayDeps,
  home: VoiceHome,
  voiceId: string,
  order: RelayOrder,
): Promise<WebSocket | null> {
  const path = pathOf(home, voiceId, order);
  const query = signer.sign('voice', path, new Date(clock.now().getTime() + ORDER_MS));
  const socket = new WebSocket(`${home.url}${path}?${query}`, {
    handshakeTimeout: CONNECT_MS,
    maxPayload: 2 * VOICE_TEXT_FRAME_BYTES_MAX,
    perMessageDeflate: false,
  });
  return new Promise((resolve) => {
    socket.once('open', () => {
      // What comes with the handshake must not be emitted before somebody listens.
      socket.pause();
      resolve(socket);
    });
    // Also when the home refuses; a later fault is followed by a close.
    socket.on('error', () => resolve(null));
  });
}

/** Passes a socket that came in here on to the talk's home. @returns false when that could not be reached */
export async function passOn(
  deps: RelayDeps,
  pending: PendingSocket,
  home: VoiceHome,
  { voiceId, order }: { voiceId: string; order: RelayOrder },
): Promise<PassedOn | null> {
  const far = await connect(deps, home, voiceId, order);
  return far === null ? null : new PassedOn(pending, far);
}

/** Has the home end a talk, and waits until it has. @returns false when it could not be reached */
export async function orderEnd(deps: RelayDeps, home: VoiceHome, voiceId: string, order: RelayOrder): Promise<boolean> {
  const far = await connect(deps, home, voiceId, order);
  if (far === null) return false;
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      far.terminate();
      resolve(false);
    }, ENDED_MS);
    far.once('close', (code) => {
      clearTimeout(timer);
      resolve(code === 1000);
    });
    far.resume();
  });
}

/** Codes that an endpoint may send; the others only tell that there was no close. */
const isCloseCode = (code: number): boolean => code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);

/** A socket here and the one to the home: what comes over one goes out over the other, no faster than that takes it. */
export class PassedOn implements SocketHandler {
  private readonly near: AgentSocket;
  private readonly heartbeat: Heartbeat;
  onOver: () => void = () => undefined;

  constructor(
    pending: PendingSocket,
    private readonly far: WebSocket,
  ) {
    this.near = pending.socket;
    this.heartbeat = new Heartbeat(this.near);
    far.on('message', (data: RawData, isBinary) => this.forward(far, this.near, data, isBinary));
    far.on('close', (code, reason) => {
      // The home is gone: whoever was passed on comes back, and finds another one.
      if (isCloseCode(code)) this.near.close(code, reason);
      else this.near.close(1012, 'Try again');
      setTimeout(() => this.near.terminate(), ENDED_MS).unref();
      this.onOver();
    });
    far.resume();
    pending.moveTo(this);
  }

  onFrame(data: Buffer, isBinary: boolean): void {
    this.heartbeat.noteLife();
    this.forward(this.near, this.far, data, isBinary);
  }

  onPing(): void {
    this.heartbeat.noteLife();
  }

  onPong(): void {
    this.heartbeat.noteLife();
  }

  onClose(): void {
    this.far.close();
  }

  beat(nowMs: number): void {
    this.heartbeat.beat(nowMs);
  }

  close(code: number, reason: string): void {
    this.near.close(code, reason);
    this.far.close();
  }

  private forward(from: WebSocket, to: WebSocket, data: RawData, isBinary: boolean): void {
    if (to.readyState !== to.OPEN) return;
    // `ws` gives one buffer, as nothing else was asked for.
    to.send(data as Buffer, { binary: isBinary }, () => {
      if (from.isPaused && to.bufferedAmount < WAITING_BYTES_MAX) from.resume();
    });
    if (to.bufferedAmount >= WAITING_BYTES_MAX && !from.isPaused) from.pause();
  }
}
