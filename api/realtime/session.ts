import type { WebSocket } from 'ws';
import {
  DRAIN_HIGH_WATER_BYTES,
  FRAME_BYTES_MAX,
  FRAME_BYTES_MAX_BEFORE_HELLO,
  HELLO_TIMEOUT_MS,
} from '../../contract/limits';
import type { Agent } from '../../store/collections/agents';
import type { Registered } from '../../store/connections';
import type { InboxRow } from '../../store/inbox';
import type { AckBuffer } from './ack-buffer';
import type { Admission, Refused } from './admission';
import { helloOk, parseFrame, parseHello, type Hello } from './frames';
import type { Hub } from './hub';
import type { LiveSocket, PresenceService } from './presence';
import { Inbound } from './inbound';
import { Pump, type PumpDeps } from './pump';

export interface SessionDeps extends Omit<PumpDeps, 'onPushed' | 'onOverload'> {
  hub: Hub;
  admission: Admission;
  presence: PresenceService;
  onPush: (row: InboxRow) => void;
  /** Called once, when the socket stops being an unauthenticated one: live or closed. */
  onSettled: () => void;
}

/** One socket from its first frame to its close: handshake, frames in, pump out. */
export class Session {
  pump: Pump | null = null;
  agent: Agent | null = null;
  private acks: AckBuffer | null = null;
  private inbound: Inbound | null = null;
  private connectionId: string | null = null;
  private state: 'waiting' | 'checking' | 'live' | 'closed' = 'waiting';
  private hasAck = false;
  private entered: Promise<void> = Promise.resolve();
  private left: Promise<void> | null = null;
  private lastLifeMs = Date.now();
  private lastPingMs = Date.now();
  private readonly helloTimer: NodeJS.Timeout;

  constructor(
    readonly socket: WebSocket,
    private readonly deps: SessionDeps,
  ) {
    socket.on('error', () => undefined);
    socket.on('message', (data, isBinary) => this.onFrame(data as Buffer, isBinary));
    socket.on('pong', () => this.noteLife());
    socket.on('ping', () => this.noteLife());
    socket.on('close', () => void this.onClose());
    this.helloTimer = setTimeout(() => this.close(1008, 'HELLO frame required'), HELLO_TIMEOUT_MS);
  }

  /** The Bearer path: the key was checked at the upgrade. `capabilities` null = the upgrade named none. */
  startAuthenticated(agent: Agent, capabilities: string[] | null): void {
    this.state = 'checking';
    clearTimeout(this.helloTimer);
    void this.admit(() => this.deps.admission.admit(agent), capabilities);
  }

  /** Closes with a code of realtime.md §2; a peer that does not answer the close is cut off. */
  close(code: number, reason: string): void {
    if (this.state === 'closed') return;
    this.pump?.stop();
    this.socket.close(code, reason);
    setTimeout(() => this.socket.terminate(), 2_000).unref();
    // At once, not when the peer has answered the close: a reader that hangs must not keep its place among the ten.
    void this.leave();
  }

  /** A frame that nobody stores: dropped during a full pause, and for a reader that is behind (realtime.md §3, §8). */
  sendLive(text: string): void {
    if (this.pump?.isSilent() !== false || this.socket.bufferedAmount > DRAIN_HIGH_WATER_BYTES) return;
    this.socket.send(text);
  }

  /** Called every few seconds: pings every `pingMs`, cuts off who did not answer for as long (realtime.md §6). */
  beat(nowMs: number, pingMs: number): void {
    if (nowMs - this.lastPingMs < pingMs) return;
    if (this.lastPingMs > this.lastLifeMs) return this.close(1001, 'Heartbeat timeout');
    this.lastPingMs = nowMs;
    this.socket.ping();
  }

  /** This socket as the registry knows it; null before its registration and after it gave up its place. */
  registered(): Registered | null {
    return this.agent === null || this.connectionId === null
      ? null
      : { id: this.connectionId, agentId: this.agent._id };
  }

  /** This socket as proof of life of its agent, if something came from the peer since `sinceMs`. */
  liveSocket(sinceMs: number): LiveSocket | null {
    if (this.agent === null || this.connectionId === null || this.lastLifeMs < sinceMs) return null;
    return { agent: this.agent, id: this.connectionId };
  }

  private noteLife(): void {
    this.lastLifeMs = Date.now();
  }

  private onFrame(data: Buffer, isBinary: boolean): void {
    this.noteLife();
    if (isBinary) return this.close(1003, 'Text frames only');
    const bytesMax = this.state === 'live' ? FRAME_BYTES_MAX : FRAME_BYTES_MAX_BEFORE_HELLO;
    if (data.length > bytesMax) return this.close(1009, 'Frame too large');
    const frame = parseFrame(data.toString('utf8'));
    if (this.state === 'live') return this.onLiveFrame(frame);
    if (this.state !== 'waiting') return;
    this.state = 'checking';
    clearTimeout(this.helloTimer);
    const hello = parseHello(frame);
    if (hello === null) return this.close(1008, 'HELLO frame required first');
    void this.admit(() => this.deps.admission.authenticate(hello.apiKey), hello.capabilities);
  }

  /** Checks, then registers, then `hello.ok`, then the drain: in this order (realtime.md §1.5). */
  private async admit(decide: () => Promise<Admitted | Refused>, capabilities: string[] | null): Promise<void> {
    const startedMs = performance.now();
    const admitted = await decide();
    if ('code' in admitted) return this.close(admitted.code, admitted.reason);
    // Closed while it was checked: there is nothing that would give up its place later.
    if (this.left !== null) return this.deps.admission.leave(admitted.connectionId);
    this.connectionId = admitted.connectionId;
    if (await this.isEvicted(admitted.agent, startedMs)) return;
    if (this.socket.readyState !== this.socket.OPEN) return void (await this.leave());
    this.agent = admitted.agent;
    this.acks = this.deps.hub.acksOf(admitted.agent._id);
    this.inbound = new Inbound(this.socket, admitted.agent, this.acks, this.deps);
    this.state = 'live';
    this.deps.onSettled();
    this.hasAck = capabilities?.includes('ack') ?? false;
    this.socket.send(helloOk(capabilities));
    this.deps.hub.add(admitted.agent._id, this);
    this.pump = new Pump(this.socket, admitted.agent, {
      ...this.deps,
      onPushed: (row) => this.onPushed(row),
      onOverload: () => this.close(1013, 'overload'),
    });
    this.pump.wake();
    this.entered = this.deps.presence.connect(admitted.agent, admitted.connectionId);
  }

  /** An order that came between the last look at the agent and now found no socket to close: look again. */
  private async isEvicted(agent: Agent, startedMs: number): Promise<boolean> {
    for (let sinceMs = startedMs; this.deps.hub.wasOrdered(agent._id, sinceMs);) {
      sinceMs = performance.now();
      const ended = await this.deps.admission.recheck(agent);
      if (ended === null) continue;
      this.close(ended.code, ended.reason);
      return true;
    }
    return false;
  }

  private onPushed(row: InboxRow): void {
    if (this.hasAck) this.acks?.remember(row.message._id, row.position);
    else this.acks?.ackPosition(row.position);
    this.deps.onPush(row);
  }

  private onLiveFrame(frame: ReturnType<typeof parseFrame>): void {
    if (frame?.type === 'hello') void this.renegotiate(parseHello(frame));
    else if (frame !== null) this.inbound?.handle(frame);
  }

  /** A later hello of the same agent changes the capabilities; anybody else's ends the socket. */
  private async renegotiate(hello: Hello | null): Promise<void> {
    const agent =
      hello === null ? null : await this.deps.admission.identify(hello.apiKey).catch(() => 'unknown' as const);
    if (agent === 'unknown') return this.close(1011, 'Internal error');
    if (hello === null || agent === null || agent._id !== this.agent?._id) return this.close(1008, 'Invalid token');
    this.hasAck = hello.capabilities?.includes('ack') ?? false;
    this.socket.send(helloOk(hello.capabilities));
  }

  private async onClose(): Promise<void> {
    const wasLive = this.state === 'live';
    this.state = 'closed';
    clearTimeout(this.helloTimer);
    this.pump?.stop();
    if (!wasLive) this.deps.onSettled();
    await this.leave();
  }

  /**
   * Gives up the place among the agent's sockets; resolves when that, presence and what was acked are written down.
   * Acks that still come in are taken until the socket is gone.
   */
  leave(): Promise<void> {
    return (this.left ??= this.giveUpPlace());
  }

  private async giveUpPlace(): Promise<void> {
    if (this.agent !== null) this.deps.hub.remove(this.agent._id, this);
    const id = this.connectionId;
    this.connectionId = null;
    if (id === null) return;
    await Promise.all([this.deps.admission.leave(id), this.acks?.flush(), this.entered]);
    if (this.agent !== null) await this.deps.presence.disconnect(this.agent, id);
  }
}

interface Admitted {
  agent: Agent;
  connectionId: string;
}
