import type { AgentOrder, LiveFrame } from '../../../platform/bus';
import { BoundedMap } from '../../../platform/bounded-map';
import type { Committed } from '../../../store/sending/send-types';
import type { InboxLook } from '../../../store/inbox/inbox';
import type { Registered } from '../../../store/nodes/connections';
import type { AckBuffer } from '../pumps/ack-buffer';
import { AgentSockets } from './agent-sockets';
import type { OpenSocket, SocketAgent } from './open-socket';

/** No admission takes longer; orders are remembered for this long. */
const ADMISSION_MS_MAX = 60_000;

/** Agents whose inboxes are loaded together. */
const POLL_PAGE = 1_000;

/** Subjects whose last version is remembered: more than change their presence within the life of a note. */
const SUBJECTS_MAX = 50_000;

/** The live sockets of this node, by agent. */
export class Hub {
  private readonly agents = new Map<string, AgentSockets>();
  /** The latest version of each subject of live frames that was handed out here. */
  private readonly versions = new BoundedMap<string, number>(SUBJECTS_MAX);
  /** When an order about an agent was last obeyed here, for sockets that were being admitted meanwhile. */
  private readonly orderedAtMs = new Map<string, number>();
  private recheckedAllAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly newAckBuffer: (agentId: string) => AckBuffer) {}

  /** Adds a socket; returns what it shares with the agent's others. */
  add(agent: SocketAgent, socket: OpenSocket): { agent: SocketAgent; shared: AgentSockets } {
    const shared = this.agents.get(agent._id) ?? new AgentSockets(agent, this.newAckBuffer);
    // The key of the map is the string that all of them hold.
    const held = shared.add(agent, socket);
    if (shared.sockets.length === 1) this.agents.set(held._id, shared);
    return { agent: held, shared };
  }

  remove(agentId: string, socket: OpenSocket): void {
    const shared = this.agents.get(agentId);
    if (shared?.remove(socket) !== true) return;
    this.agents.delete(agentId);
    void shared.close();
  }

  all(): OpenSocket[] {
    return [...this.agents.values()].flatMap(({ sockets }) => sockets);
  }

  private socketsOf(agentId: string): readonly OpenSocket[] {
    return this.agents.get(agentId)?.sockets ?? [];
  }

  /** The sockets of `all` as the registry knows them. */
  registered(): Registered[] {
    return this.all().flatMap((socket) => socket.registered() ?? []);
  }

  /** Hands fresh envelopes to the pumps of their recipients, in delivery order. */
  offer(commit: Committed[]): void {
    for (const committed of commit) {
      for (const socket of this.socketsOf(committed.recipientId)) socket.pump?.offer(committed);
    }
  }

  /** Has its whole effect when it returns: not a frame leaves after it that the order forbids. */
  obey(order: AgentOrder): void {
    const nowMs = performance.now();
    for (const [agentId, atMs] of this.orderedAtMs) {
      if (nowMs - atMs < ADMISSION_MS_MAX) break;
      this.orderedAtMs.delete(agentId);
    }
    this.orderedAtMs.delete(order.agentId);
    this.orderedAtMs.set(order.agentId, nowMs);
    for (const socket of [...this.socketsOf(order.agentId)]) {
      if (order.kind === 'recheck') socket.pump?.recheck();
      else if (order.kind === 'tell') socket.pump?.sendLiveAfter(order.afterPosition, order.text);
      else if (isMeant(order, socket)) socket.close(order.code, order.reason);
    }
  }

  /** Like an order to load the inbox again, about everybody: this node may have missed some. */
  holdAll(): void {
    this.recheckedAllAtMs = performance.now();
    for (const socket of this.all()) socket.pump?.hold();
  }

  /** True when an order about the agent came after `sinceMs` (of `performance.now`). */
  wasOrdered(agentId: string, sinceMs: number): boolean {
    return Math.max(this.orderedAtMs.get(agentId) ?? Number.NEGATIVE_INFINITY, this.recheckedAllAtMs) >= sinceMs;
  }

  /** Hands a frame that nobody stores to the sockets of these agents, unless a later one of its subject was first. */
  broadcast(agentIds: string[], { text, order, isForGateway }: LiveFrame): void {
    if (order !== undefined) {
      if ((this.versions.get(order.subject) ?? 0) > order.version) return;
      this.versions.set(order.subject, order.version);
    }
    for (const agentId of agentIds) {
      for (const socket of this.socketsOf(agentId)) {
        if (isForGateway !== true || socket.knowsGateway) socket.pump?.sendLive(text);
      }
    }
  }

  /** Lets the pumps of these agents read. */
  wake(agentIds: string[]): void {
    for (const agentId of agentIds) for (const socket of this.socketsOf(agentId)) socket.pump?.wake();
  }

  /**
   * Loads the inboxes of all agents here, many at a time, and lets those pumps read that are behind or held. So idle
   * sockets cost next to nothing, however many there are.
   */
  async poll(load: (agentIds: string[]) => Promise<Map<string, InboxLook>>): Promise<void> {
    const ids = [...this.agents.keys()];
    for (let start = 0; start < ids.length; start += POLL_PAGE) {
      const page = ids.slice(start, start + POLL_PAGE);
      const pumps = page.flatMap((id) =>
        this.socketsOf(id).flatMap(({ pump }) =>
          pump === null ? [] : [{ id, pump, generation: pump.loadGeneration }],
        ),
      );
      const inboxes = await load(page);
      for (const { id, pump, generation } of pumps) pump.observe(inboxes.get(id) ?? null, generation);
    }
  }
}

/** An order that comes again after its agent has returned with the new key leaves that socket alone. */
function isMeant({ keyVersion }: Extract<AgentOrder, { kind: 'close' }>, { agent }: OpenSocket): boolean {
  return keyVersion === undefined || agent === null || agent.keyVersion < keyVersion;
}
