import type { WebSocket } from 'ws';
import {
  ERROR_FRAME_INTERVAL_MS,
  FRAME_BYTES_MAX,
  FRAME_BYTES_MAX_BEFORE_HELLO,
  HEARTBEAT_DEADLINE_MS,
  HEARTBEAT_MS,
  HELLO_TIMEOUT_MS,
} from '../../contract/limits';
import type { Agent } from '../../store/collections/agents';
import type { InboxRow } from '../../store/inbox';
import type { Admission, Refused } from './admission';
import { errorFrame, helloOk, parseFrame, parseHello, type Hello } from './frames';
import type { Hub } from './hub';
import { Pump, type PumpDeps } from './pump';

export interface SessionDeps extends Omit<PumpDeps, 'onPushed'> {
  hub: Hub;
  admission: Admission;
  onPush: (row: InboxRow) => void;
  /** Called once, when the socket stops being an unauthenticated one: live or closed. */
  onSettled: () => void;
}

/** One socket from its first frame to its close: handshake, frames in, pump out. */
export class Session {
  pump: Pump | null = null;
  agent: Agent | null = null;
  private connectionId: string | null = null;
  private state: 'waiting' | 'checking' | 'live' | 'closed' = 'waiting';
  private hasAck = false;
  private lastLifeMs = Date.now();
  private lastPingMs = Date.now();
  private lastErrorMs = 0;
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
  }

  /** Called every few seconds: pings on time, cuts off who did not answer. */
  beat(nowMs: number): void {
    if (this.lastPingMs > this.lastLifeMs && nowMs - this.lastPingMs >= HEARTBEAT_DEADLINE_MS) {
      return this.close(1001, 'Heartbeat timeout');
    }
    if (nowMs - this.lastPingMs < HEARTBEAT_MS) return;
    this.lastPingMs = nowMs;
    this.socket.ping();
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
    const admitted = await decide();
    if ('code' in admitted) return this.close(admitted.code, admitted.reason);
    if (this.socket.readyState !== this.socket.OPEN)
      return void (await this.deps.admission.leave(admitted.connectionId));
    this.connectionId = admitted.connectionId;
    this.agent = admitted.agent;
    this.state = 'live';
    this.deps.onSettled();
    this.hasAck = capabilities?.includes('ack') ?? false;
    this.socket.send(helloOk(capabilities));
    this.deps.hub.add(admitted.agent._id, this);
    this.pump = new Pump(this.socket, admitted.agent, { ...this.deps, onPushed: (row) => this.onPushed(row) });
    this.pump.wake();
  }

  private onPushed(row: InboxRow): void {
    if (this.agent === null) return;
    const acks = this.deps.hub.acksOf(this.agent._id);
    if (this.hasAck) acks.remember(row.message._id, row.position);
    else acks.ackPosition(row.position);
    this.deps.onPush(row);
  }

  private onLiveFrame(frame: ReturnType<typeof parseFrame>): void {
    if (frame === null || this.agent === null) return;
    switch (frame.type) {
      case 'ack':
        if (typeof frame.message_id === 'string') this.deps.hub.acksOf(this.agent._id).ackMessage(frame.message_id);
        return;
      case 'ping':
        return this.socket.send('{"type":"pong"}');
      case 'hello':
        return void this.renegotiate(parseHello(frame));
      case 'message.send':
        return this.sendError('UNSUPPORTED_ACTION', 'Send with POST /v1/messages', frame.id);
      default:
        return;
    }
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

  private sendError(code: string, message: string, ref: unknown): void {
    const nowMs = Date.now();
    if (nowMs - this.lastErrorMs < ERROR_FRAME_INTERVAL_MS) return;
    this.lastErrorMs = nowMs;
    this.socket.send(errorFrame(code, message, ref));
  }

  private async onClose(): Promise<void> {
    const wasLive = this.state === 'live';
    this.state = 'closed';
    clearTimeout(this.helloTimer);
    this.pump?.stop();
    if (!wasLive) this.deps.onSettled();
    if (this.agent !== null) this.deps.hub.remove(this.agent._id, this);
    if (this.connectionId !== null) await this.deps.admission.leave(this.connectionId);
  }
}

interface Admitted {
  agent: Agent;
  connectionId: string;
}
