import { OWNER_FEED_HINT_INTERVAL_MS } from '../../../contract/limits';
import type { OwnerNote, OwnerOrder, FeedScope } from '../../../platform/bus';
import type { Metrics } from '../../../platform/metrics';
import type { Registered } from '../../../store/nodes/connections';
import type { TicketHolder } from '../../../store/owners/tickets';

type Hint = Extract<OwnerNote, { kind: 'owner' }>;

/** One open tab of the dashboard, as whoever has many of them sees it. */
export interface OpenDashboard {
  /** Null until its ticket was taken. */
  readonly holder: TicketHolder | null;
  /** @returns whether the frame was handed over */
  show(text: string): boolean;
  registered(): Registered | null;
  beat(nowMs: number, pingMs: number): void;
  close(code: number, reason: string): void;
  /** Gives up its place; resolves when that is written down. */
  leave(): Promise<void>;
}

/** What is known of one agent's hints: when the last one was shown, and what waits for the next. */
interface AgentHints {
  shownAtMs: number;
  waiting: { scopes: Set<FeedScope>; conversationId: string | undefined } | null;
  timer: NodeJS.Timeout | null;
}

/** The open dashboards of one owner on this node. */
interface OwnerDashboards {
  sessions: Set<OpenDashboard>;
  /** By handle. */
  hints: Map<string, AgentHints>;
  /** When an agent was taken away from the owner, by its id: what was being read of it then is not shown any more. */
  endedAtMs: Map<string, number>;
}

/** Nothing is read of a message for longer than this. */
const ENDED_MS_KEPT = 60_000;

/** The open dashboards of this node, by owner (dashboard.md §6). */
export class Dashboards {
  private readonly owners = new Map<string, OwnerDashboards>();

  constructor(
    private readonly deps: {
      metrics: Pick<Metrics, 'dashboardSockets' | 'dashboardFrames' | 'dashboardDrops'>;
      /** False while this node's lease does not run: orders would not reach its sockets. */
      mayShow: () => boolean;
    },
  ) {}

  add(session: OpenDashboard, ownerId: string): void {
    const own = this.owners.get(ownerId) ?? { sessions: new Set(), hints: new Map(), endedAtMs: new Map() };
    own.sessions.add(session);
    this.owners.set(ownerId, own);
    this.deps.metrics.dashboardSockets.set(this.all().length);
  }

  remove(session: OpenDashboard, ownerId: string): void {
    const own = this.owners.get(ownerId);
    if (own === undefined || !own.sessions.delete(session)) return;
    if (own.sessions.size === 0) {
      for (const { timer } of own.hints.values()) if (timer !== null) clearTimeout(timer);
      this.owners.delete(ownerId);
    }
    this.deps.metrics.dashboardSockets.set(this.all().length);
  }

  has(ownerId: string): boolean {
    return this.owners.has(ownerId);
  }

  all(): OpenDashboard[] {
    return [...this.owners.values()].flatMap(({ sessions }) => [...sessions]);
  }

  ownerIds(): string[] {
    return [...this.owners.keys()];
  }

  /** The sockets of `all` as the registry knows them. */
  registered(): Registered[] {
    return this.all().flatMap((session) => session.registered() ?? []);
  }

  /** Shows a frame about an agent, read since `sinceMs` (of `performance.now`), unless the agent was taken away since. */
  show(ownerId: string, frame: { agentId: string; text: string; sinceMs: number }): void {
    const own = this.owners.get(ownerId);
    if (own === undefined || (own.endedAtMs.get(frame.agentId) ?? -Infinity) >= frame.sinceMs) return;
    this.showAll(own, 'message.new', frame.text);
  }

  /** Shows a hint at once, or together with others of its agent when the interval of the last one is over. */
  hint({ ownerId, agentHandle, scopes, conversationId }: Hint): void {
    const own = this.owners.get(ownerId);
    if (own === undefined) return;
    const known = own.hints.get(agentHandle) ?? { shownAtMs: -Infinity, waiting: null, timer: null };
    own.hints.set(agentHandle, known);
    const isSame = known.waiting === null || known.waiting.conversationId === conversationId;
    known.waiting = {
      scopes: new Set([...(known.waiting?.scopes ?? []), ...scopes]),
      conversationId: isSame ? conversationId : undefined,
    };
    if (known.timer !== null) return;
    const waitMs = known.shownAtMs + OWNER_FEED_HINT_INTERVAL_MS - performance.now();
    if (waitMs <= 0) this.showHint(own, agentHandle, known);
    else known.timer = setTimeout(() => this.showHint(own, agentHandle, known), waitMs);
  }

  /** Has its whole effect when it returns. */
  obey(order: OwnerOrder): void {
    const own = this.owners.get(order.ownerId);
    if (own === undefined) return;
    if (order.kind === 'signOut') {
      for (const session of [...own.sessions]) {
        const isMeant = order.sessionId === null || session.holder?.sessionId === order.sessionId;
        if (isMeant) session.close(1008, 'Signed out');
      }
      return;
    }
    this.end(own, order);
  }

  private end(own: OwnerDashboards, { agentId, agentHandle, reason }: Extract<OwnerOrder, { kind: 'unwatch' }>): void {
    const nowMs = performance.now();
    for (const [id, atMs] of own.endedAtMs) if (nowMs - atMs > ENDED_MS_KEPT) own.endedAtMs.delete(id);
    own.endedAtMs.set(agentId, nowMs);
    const hints = own.hints.get(agentHandle);
    if (hints?.timer) clearTimeout(hints.timer);
    own.hints.delete(agentHandle);
    const text = JSON.stringify({ type: 'agent.removed', agent_handle: agentHandle, reason });
    // Without regard to the lease: it says nothing that the owner may not know, and nobody says it again.
    this.handOver(own, 'agent.removed', text);
  }

  private showHint(own: OwnerDashboards, agentHandle: string, known: AgentHints): void {
    const { waiting } = known;
    known.timer = null;
    if (waiting === null) return void own.hints.delete(agentHandle);
    known.waiting = null;
    known.shownAtMs = performance.now();
    const { scopes, conversationId: conversation_id } = waiting;
    const frame = { type: 'agent.changed', agent_handle: agentHandle, scopes: [...scopes], conversation_id };
    this.showAll(own, 'agent.changed', JSON.stringify(frame));
    // Forgotten once its interval is over, unless something came until then.
    known.timer = setTimeout(() => this.showHint(own, agentHandle, known), OWNER_FEED_HINT_INTERVAL_MS);
  }

  private showAll(own: OwnerDashboards, type: string, text: string): void {
    if (!this.deps.mayShow()) return this.deps.metrics.dashboardDrops.inc({ reason: 'lease' }, own.sessions.size);
    this.handOver(own, type, text);
  }

  private handOver({ sessions }: OwnerDashboards, type: string, text: string): void {
    for (const session of sessions) if (session.show(text)) this.deps.metrics.dashboardFrames.inc({ type });
  }
}
