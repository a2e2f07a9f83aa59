import { FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_HELLO, HELLO_TIMEOUT_MS } from '../../../contract/limits';
import type { Agent } from '../../../store/schema/collections/agents';
import type { VoiceCodecs } from '../../../store/schema/collections/nodes';
import type { Registered } from '../../../store/nodes/connections';
import type { InboxRow } from '../../../store/inbox/inbox';
import type { AgentSockets } from './agent-sockets';
import type { OpenSocket, SocketAgent } from './open-socket';
import type { Admission, Admitted, Refused } from './admission';
import { evictionSince } from './evictions';
import { helloOk, parseFrame, parseHello, type Frame, type Hello } from '../wire/frames';
import type { Hub } from './hub';
import type { Inbound } from './inbound';
import type { LiveSocket, PresenceService } from '../presence/presence';
import { TurnFrames } from './turn-frames';
import { voiceCodecsOf } from './voice-frames';
import { Pump, type PumpDeps, type PumpOwner } from '../pumps/pump';
import type { AgentSocket, SocketHandler } from '../wire/socket';

export interface SessionDeps extends PumpDeps {
  hub: Hub;
  admission: Admission;
  presence: PresenceService;
  inbound: Inbound;
  onPush: (row: InboxRow) => void;
  /** Writes down that a socket's client knows the chat gateway. */
  noteGateway: (connectionId: string, codecs: VoiceCodecs) => Promise<void>;
  /** Called once, when the socket from this address stops being an unauthenticated one: live or closed. */
  onSettled: (address: string) => void;
}

const SETTLED = Promise.resolve();

/** One socket from its first frame to its close: handshake, frames in, pump out. */
export class Session implements OpenSocket, SocketHandler, PumpOwner {
  pump: Pump | null = null;
  agent: SocketAgent | null = null;
  private shared: AgentSockets | null = null;
  private connectionId: string | null = null;
  private state: 'waiting' | 'checking' | 'live' | 'closed' = 'waiting';
  /** True from our close on: what the peer still sends is only taken if it is an ack. */
  private isClosing = false;
  private hasAck = false;
  /** What the client's voice takes, once it has said that it knows the chat gateway. */
  private gateway: VoiceCodecs | null = null;
  /** A second hello that came while the key of the first was checked. */
  private laterHello: Frame | null = null;
  private entered = SETTLED;
  /** Notes of the gateway are written in their order. */
  private noted = SETTLED;
  private left: Promise<void> | null = null;
  private lastLifeMs = Date.now();
  /** Not read from the clock again: later than the last sign of life, it would be a ping that nobody answered. */
  private lastPingMs = this.lastLifeMs;
  private helloTimer: NodeJS.Timeout | null = null;

  /** @param waitingAt the address that it counts for until it is live or closed; null from then on */
  constructor(
    readonly socket: AgentSocket,
    private waitingAt: string | null,
    private readonly deps: SessionDeps,
  ) {
    socket.attach(this);
  }

  /** The first frame has to come soon, and to be a `hello`. */
  awaitHello(): void {
    this.helloTimer = setTimeout(() => this.close(1008, 'HELLO frame required'), HELLO_TIMEOUT_MS);
  }

  /** The Bearer path: the key was checked at the upgrade. `capabilities` null = the upgrade named none. */
  startAuthenticated(agent: Agent, hello: Omit<Hello, 'apiKey'>): void {
    this.state = 'checking';
    void this.admit(() => this.deps.admission.admit(agent), hello);
  }

  /** Closes with a code of realtime.md §2; a peer that does not answer the close is cut off. */
  close(code: number, reason: string): void {
    if (this.state === 'closed' || this.isClosing) return;
    this.isClosing = true;
    this.pump?.stop();
    this.socket.close(code, reason);
    setTimeout(() => this.socket.terminate(), 2_000).unref();
    // At once, not when the peer has answered the close: a reader that hangs must not keep its place among the ten.
    void this.leave();
  }

  /** Called every few seconds: pings every `pingMs`, cuts off who did not answer for as long (realtime.md §6). */
  beat(nowMs: number, pingMs: number): void {
    if (nowMs - this.lastPingMs < pingMs) return;
    // Not read from on purpose: its pong may stand behind what waits.
    if (this.socket.isPaused) this.noteLife();
    if (this.lastPingMs > this.lastLifeMs) return this.close(1001, 'Heartbeat timeout');
    this.lastPingMs = nowMs;
    this.socket.ping();
  }

  /** This socket as the registry knows it; null before its registration and after it gave up its place. */
  registered(): Registered | null {
    if (this.agent === null || this.connectionId === null) return null;
    const knowing = this.gateway === null ? {} : { gateway: this.gateway };
    return { id: this.connectionId, agentId: this.agent._id, cursor: this.pump?.position ?? 0, ...knowing };
  }

  /** This socket as proof of life of its agent, if something came from the peer since `sinceMs`. */
  liveSocket(sinceMs: number): LiveSocket | null {
    if (this.agent === null || this.connectionId === null || this.lastLifeMs < sinceMs) return null;
    return { agent: this.agent, id: this.connectionId };
  }

  private noteLife(): void {
    this.lastLifeMs = Date.now();
  }

  onPong(): void {
    this.noteLife();
  }

  /** Its pong is sent by the library, into the same buffer as everything else. */
  onPing(): void {
    if (this.socket.isOverloaded) this.onOverload();
    else this.noteLife();
  }

  onFrame(data: Buffer, isBinary: boolean): void {
    this.noteLife();
    if (isBinary) return this.close(1003, 'Text frames only');
    const bytesMax = this.state === 'live' ? FRAME_BYTES_MAX : FRAME_BYTES_MAX_BEFORE_HELLO;
    if (data.length > bytesMax) return this.close(1009, 'Frame too large');
    const frame = parseFrame(data.toString('utf8'));
    if (this.isClosing && frame?.type !== 'ack') return;
    if (this.state === 'live') return this.onLiveFrame(frame);
    const hello = parseHello(frame);
    if (this.state === 'checking' && hello !== null) this.laterHello = frame;
    else if (hello === null) this.close(1008, 'HELLO frame required first');
    if (this.state !== 'waiting' || hello === null) return;
    this.state = 'checking';
    this.stopAwaiting();
    void this.admit(() => this.deps.admission.authenticate(hello.apiKey), hello);
  }

  /** Checks, then registers, then `hello.ok`, then the drain: in this order (realtime.md §1.5). */
  private async admit(
    decide: () => Promise<Admitted | Refused>,
    { capabilities, client }: Omit<Hello, 'apiKey'>,
  ): Promise<void> {
    const startedMs = performance.now();
    const admitted = await decide();
    if ('code' in admitted) return this.close(admitted.code, admitted.reason);
    // Closed while it was checked: there is nothing that would give up its place later.
    if (this.left !== null) return this.deps.admission.leave(admitted.connectionId);
    this.connectionId = admitted.connectionId;
    const ended = await evictionSince(startedMs, admitted.agent, this.deps);
    if (ended !== null) return this.close(ended.code, ended.reason);
    if (this.socket.readyState !== this.socket.OPEN) return void (await this.leave());
    this.goLive(admitted.agent, admitted.connectionId, capabilities);
    this.deps.log.info({ event: 'socket.live', agent: admitted.agent.handle, client });
  }

  private stopAwaiting(): void {
    if (this.helloTimer !== null) clearTimeout(this.helloTimer);
    this.helloTimer = null;
  }

  private settle(): void {
    if (this.waitingAt !== null) this.deps.onSettled(this.waitingAt);
    this.waitingAt = null;
  }

  /** Registered, its key still current: `hello.ok` first, then whatever there is to push. */
  private goLive(admitted: Agent, connectionId: string, capabilities: string[] | null): void {
    this.state = 'live';
    this.settle();
    this.hasAck = capabilities?.includes('ack') ?? false;
    this.socket.send(helloOk(capabilities));
    const { agent, shared } = this.deps.hub.add(admitted, this);
    this.agent = agent;
    this.shared = shared;
    this.pump = new Pump(this.socket, agent, this.deps, this);
    this.pump.wake();
    if (capabilities?.includes('gateway') === true) this.learnGateway({});
    this.entered = this.deps.presence.connect(agent, connectionId).then(() => void (this.entered = SETTLED));
    if (this.laterHello !== null) this.onLiveFrame(this.laterHello);
    this.laterHello = null;
  }

  get knowsGateway(): boolean {
    return this.gateway !== null;
  }

  /** The registry is told once, and when the client says which codecs its voice takes. @param codecs null: it says nothing of them */
  private learnGateway(codecs: VoiceCodecs | null): void {
    if (this.gateway !== null && codecs === null) return;
    this.gateway = codecs ?? {};
    const { connectionId, gateway } = this;
    if (connectionId === null) return;
    this.noted = this.noted
      .then(() => this.deps.noteGateway(connectionId, gateway))
      .catch((error: unknown) => this.deps.log.warn({ event: 'gateway.not_noted', err: error }));
  }

  /** An answer to the client's own frame: a client that asks without reading is not waited for. */
  private reply(text: string): void {
    if (this.socket.isOverloaded) this.onOverload();
    else this.socket.send(text);
  }

  onOverload(): void {
    this.close(1013, 'overload');
  }

  onPushed(row: InboxRow): void {
    if (this.hasAck) this.shared?.acks.remember(row.message._id, row.position);
    else this.shared?.acks.ackPosition(row.position);
    this.deps.onPush(row);
  }

  private onLiveFrame(frame: Frame | null): void {
    const { agent, shared } = this;
    if (agent === null || shared === null) return;
    const socket = { agent, shared, reply: (text: string) => this.reply(text) };
    if (frame?.type !== 'hello') {
      if (frame === null) return;
      if (TurnFrames.isOfGateway(frame)) this.learnGateway(voiceCodecsOf(frame));
      this.deps.inbound.handle(socket, frame);
    } else if (this.deps.inbound.takesHello(socket, frame)) void this.renegotiate(parseHello(frame));
    if (shared.isFull()) this.holdBack(shared);
  }

  /** Reads no more from a client that acks faster than acks are written. */
  private holdBack(shared: AgentSockets): void {
    if (this.socket.isPaused) return;
    this.socket.pause();
    void shared.flush().then(() => this.socket.resume());
  }

  /** A later hello of the same agent changes the capabilities; anybody else's ends the socket. */
  private async renegotiate(hello: Hello | null): Promise<void> {
    const agent =
      hello === null ? null : await this.deps.admission.identify(hello.apiKey).catch(() => 'unknown' as const);
    if (agent === 'unknown') return this.close(1011, 'Internal error');
    if (hello === null || agent === null || agent._id !== this.agent?._id) return this.close(1008, 'Invalid token');
    this.hasAck = hello.capabilities?.includes('ack') ?? false;
    if (hello.capabilities?.includes('gateway') === true) this.learnGateway(null);
    this.socket.send(helloOk(hello.capabilities));
  }

  onClose(): void {
    this.state = 'closed';
    this.stopAwaiting();
    this.pump?.stop();
    this.settle();
    void this.leave();
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
    await Promise.all([this.deps.admission.leave(id), this.shared?.flush(), this.entered]);
    if (this.agent !== null) await this.deps.presence.disconnect(this.agent, id);
  }
}
