import type { AgentOrder, LiveFrame } from '../../platform/bus';
import type { Committed } from '../../store/committer/send-types';
import type { InboxLook } from '../../store/inbox';
import type { Registered } from '../../store/connections';
import type { AckBuffer } from './ack-buffer';
import { AgentSockets, type SocketAgent } from './agent-sockets';
import type { Session } from './session';

/** No admission takes longer; orders are remembered for this long. */
const ADMISSION_MS_MAX = 60_000;

/** Agents whose inboxes are looked at together. */
const CHECK_PAGE = 1_000;

/** Subjects whose last version is remembered: more than change their presence within the life of a note. */
const SUBJECTS_MAX = 50_000;

/** The live sockets of this node, by agent. */
export class Hub {
  private readonly agents = new Map<string, AgentSockets>();
  /** The latest version of each subject of live frames that was handed out here. */
  private readonly versions = new Map<string, number>();
  /** When an order about an agent was last obeyed here, for sockets that were being admitted meanwhile. */
  private readonly orderedAtMs = new Map<string, number>();
  private recheckedAllAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly newAckBuffer: (agentId: string) => AckBuffer) {}

  /** Adds a socket; returns what it shares with the agent's others. */
  add(agent: SocketAgent, session: Session): { agent: SocketAgent; shared: AgentSockets } {
    const shared = this.agents.get(agent._id) ?? new AgentSockets(agent, this.newAckBuffer);
    // The key of the map is the string that all of them hold.
    const held = shared.add(agent, session);
    if (shared.sessions.length === 1) this.agents.set(held._id, shared);
    return { agent: held, shared };
  }

  remove(agentId: string, session: Session): void {
    const shared = this.agents.get(agentId);
    if (shared?.remove(session) !== true) return;
    this.agents.delete(agentId);
    void shared.flush();
  }

  all(): Session[] {
    return [...this.agents.values()].flatMap(({ sessions }) => sessions);
  }

  private sessionsOf(agentId: string): readonly Session[] {
    return this.agents.get(agentId)?.sessions ?? [];
  }

  /** The sockets of `all` as the registry knows them. */
  registered(): Registered[] {
    return this.all().flatMap((session) => session.registered() ?? []);
  }

  /** Hands fresh envelopes to the pumps of their recipients, in delivery order. */
  offer(commit: Committed[]): void {
    for (const committed of commit) {
      for (const session of this.sessionsOf(committed.recipientId)) session.pump?.offer(committed);
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
    for (const session of [...this.sessionsOf(order.agentId)]) {
      if (order.kind === 'recheck') session.pump?.recheck();
      else if (order.kind === 'tell') session.pump?.tellAfter(order.afterPosition, order.text);
      else if (isMeant(order, session)) session.close(order.code, order.reason);
    }
  }

  /** Like an order to look again, about everybody: this node may have missed some. */
  holdAll(): void {
    this.recheckedAllAtMs = performance.now();
    for (const session of this.all()) session.pump?.hold();
  }

  /** True when an order about the agent came after `sinceMs` (of `performance.now`). */
  wasOrdered(agentId: string, sinceMs: number): boolean {
    return Math.max(this.orderedAtMs.get(agentId) ?? Number.NEGATIVE_INFINITY, this.recheckedAllAtMs) >= sinceMs;
  }

  /** Hands a frame that nobody stores to the sockets of these agents, unless a later one of its subject was first. */
  tell(agentIds: string[], { text, order }: LiveFrame): void {
    if (order !== undefined) {
      if ((this.versions.get(order.subject) ?? 0) > order.version) return;
      this.versions.delete(order.subject);
      this.versions.set(order.subject, order.version);
      const oldest = this.versions.keys().next();
      if (this.versions.size > SUBJECTS_MAX && oldest.done === false) this.versions.delete(oldest.value);
    }
    for (const agentId of agentIds) for (const session of this.sessionsOf(agentId)) session.pump?.tell(text);
  }

  /** Lets the pumps of these agents look. */
  wake(agentIds: string[]): void {
    for (const agentId of agentIds) for (const session of this.sessionsOf(agentId)) session.pump?.wake();
  }

  /**
   * Looks at the inboxes of all agents here, many at a time, and lets those pumps read that are behind or held. So idle
   * sockets cost next to nothing, however many there are.
   */
  async check(look: (agentIds: string[]) => Promise<Map<string, InboxLook>>): Promise<void> {
    const ids = [...this.agents.keys()];
    for (let start = 0; start < ids.length; start += CHECK_PAGE) {
      const page = ids.slice(start, start + CHECK_PAGE);
      const pumps = page.flatMap((id) =>
        this.sessionsOf(id).flatMap(({ pump }) =>
          pump === null ? [] : [{ id, pump, generation: pump.lookGeneration }],
        ),
      );
      const looks = await look(page);
      for (const { id, pump, generation } of pumps) pump.observe(looks.get(id) ?? null, generation);
    }
  }
}

/** An order that comes again after its agent has returned with the new key leaves that socket alone. */
function isMeant({ keyVersion }: Extract<AgentOrder, { kind: 'close' }>, { agent }: Session): boolean {
  return keyVersion === undefined || agent === null || agent.keyVersion < keyVersion;
}
