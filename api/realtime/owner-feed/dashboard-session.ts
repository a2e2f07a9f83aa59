import { DASHBOARD_SOCKETS_PER_OWNER } from '../../../contract/limits';
import type { Logger } from '../../../platform/logger';
import type { Connections, Registered } from '../../../store/nodes/connections';
import type { TicketHolder } from '../../../store/owners/tickets';
import type { Dashboards, OpenDashboard } from './dashboards';
import type { AgentSocket, SocketHandler } from '../wire/socket';

export interface DashboardSessionDeps {
  dashboards: Dashboards;
  connections: Connections;
  /** Uses a ticket up; null for one that is not good. */
  takeTicket(ticket: string): Promise<TicketHolder | null>;
  isSignedIn(holder: TicketHolder): Promise<boolean>;
  log: Logger;
}

/** A peer that does not answer our close is cut off. */
const CLOSE_MS_MAX = 2_000;

/** One open tab of the dashboard (dashboard.md §6.2): it is shown everything, and only its pongs are listened to. */
export class DashboardSession implements OpenDashboard, SocketHandler {
  holder: TicketHolder | null = null;
  private connectionId: string | null = null;
  private isLive = false;
  private isClosing = false;
  private isGone = false;
  private lastPongMs = Date.now();
  /** Not read from the clock again: later than the last pong, it would be a ping that nobody answered. */
  private lastPingMs = this.lastPongMs;

  constructor(
    private readonly socket: AgentSocket,
    /** Called once, when the socket is live or closed. */
    private onSettled: () => void,
    private readonly deps: DashboardSessionDeps,
  ) {
    socket.attach(this);
  }

  /**
   * Ticket, then registration, then the session, then `hello.ok`: a sign-out between the first two and the third found
   * no socket to close, so this socket must find the sign-out. A tab may be gone at every step: what it took by then is
   * given back at the end. Never throws.
   */
  async open(ticket: string): Promise<void> {
    try {
      const holder = await this.deps.takeTicket(ticket);
      if (holder === null) return this.close(1008, 'Invalid ticket');
      const registered = await this.deps.connections.claim(holder.ownerId, DASHBOARD_SOCKETS_PER_OWNER);
      if (registered === null) return this.close(1013, 'overload');
      this.holder = holder;
      this.connectionId = registered.id;
      this.deps.dashboards.add(this, holder.ownerId);
      if (!(await this.deps.isSignedIn(holder))) return this.close(1008, 'Invalid ticket');
      if (this.isClosing || this.isGone) return;
      this.settle();
      this.isLive = true;
      this.socket.send(JSON.stringify({ type: 'hello.ok', owner_id: holder.ownerId }));
    } catch (error) {
      this.deps.log.warn({ event: 'dashboard.not_opened', err: error });
      this.close(1011, 'Internal error');
    } finally {
      if (this.isClosing || this.isGone) await this.leave();
    }
  }

  /** @returns whether the frame was handed over: not before `hello.ok`, and not to a tab that does not read */
  show(text: string): boolean {
    if (!this.isLive || this.isClosing) return false;
    if (this.socket.isOverloaded) {
      this.close(1013, 'overload');
      return false;
    }
    this.socket.send(text);
    return true;
  }

  close(code: number, reason: string): void {
    if (this.isClosing || this.isGone) return;
    this.isClosing = true;
    this.socket.close(code, reason);
    setTimeout(() => this.socket.terminate(), CLOSE_MS_MAX).unref();
    void this.leave();
  }

  /** Pings every `pingMs`, closes who did not answer for as long. */
  beat(nowMs: number, pingMs: number): void {
    if (nowMs - this.lastPingMs < pingMs) return;
    if (this.lastPingMs > this.lastPongMs) return this.close(1001, 'Heartbeat timeout');
    this.lastPingMs = nowMs;
    this.socket.ping();
  }

  /** This socket as the registry knows it, under its owner's id; null when it has no place there. */
  registered(): Registered | null {
    if (this.holder === null || this.connectionId === null) return null;
    return { id: this.connectionId, agentId: this.holder.ownerId, cursor: 0 };
  }

  onFrame(): void {
    // A dashboard says nothing; whatever comes is ignored (dashboard.md §6.2).
  }

  onPing(): void {
    if (this.socket.isOverloaded) this.close(1013, 'overload');
  }

  onPong(): void {
    this.lastPongMs = Date.now();
  }

  onClose(): void {
    this.isGone = true;
    void this.leave();
  }

  private settle(): void {
    this.onSettled();
    this.onSettled = () => undefined;
  }

  /** Gives up its place; resolves when that is written down. Never throws. */
  async leave(): Promise<void> {
    this.settle();
    this.isLive = false;
    if (this.holder !== null) this.deps.dashboards.remove(this, this.holder.ownerId);
    const id = this.connectionId;
    this.connectionId = null;
    if (id === null) return;
    await this.deps.connections
      .release(id)
      .catch((error: unknown) => this.deps.log.warn({ event: 'connection.not_released', err: error }));
  }
}
