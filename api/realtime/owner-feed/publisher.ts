import type { Bus, OwnerNote, FeedScope } from '../../../platform/bus';
import type { Logger } from '../../../platform/logger';
import type { Metrics } from '../../../platform/metrics';
import type { Database } from '../../../store/schema/database';
import { findAgentsOf, hintsOf, type AgentChange } from '../../../store/nodes/publish-to-owners';
import type { OwnerFeed } from '../broadcast/live';
import type { DashboardFrames } from './dashboard-frames';
import type { Dashboards } from './dashboards';

export interface PublisherDeps {
  database: Database;
  bus: Pick<Bus, 'publishOwnerNotes' | 'onOwnerNotes'>;
  otherNodes: () => string[];
  dashboards: Dashboards;
  frames: DashboardFrames;
  metrics: Pick<Metrics, 'dashboardDrops'>;
  log: Logger;
}

const ALL: FeedScope[] = ['profile', 'pause', 'events', 'contacts', 'blocks', 'conversations', 'messages', 'presence'];

/** Changes are gathered for so long: one look-up of owners for all of them. */
const GATHER_MS = 100;
/** Agents with a change that is not published yet. */
const CHANGED_MAX = 5_000;
/** Notes that wait for other nodes. */
const OUTGOING_MAX = 5_000;
const OUTGOING_BATCH = 500;

/**
 * Publishes to dashboards, here and on other nodes, what commits of this process say of messages, and hints of what else
 * changed. All of it beside whoever caused it, in bounded queues that lose their oldest.
 */
export class OwnerFeedPublisher implements OwnerFeed {
  private changes = new Map<string, AgentChange>();
  private gathering: NodeJS.Timeout | null = null;
  private outgoing: OwnerNote[] = [];
  private isSending = false;

  constructor(private readonly deps: PublisherDeps) {
    deps.bus.onOwnerNotes((notes) => this.show(notes));
  }

  /** Publishes what a commit of this process has for owners. */
  committed(notes: OwnerNote[]): void {
    this.show(notes);
    this.passOn(notes);
  }

  changed(change: AgentChange): void {
    const known = this.changes.get(change.agentId);
    if (known === undefined && this.changes.size >= CHANGED_MAX) return this.drop(1);
    this.changes.set(change.agentId, known === undefined ? change : merge(known, change));
    this.gathering ??= setTimeout(() => void this.publishChanges(), GATHER_MS);
  }

  /** This node may have missed what others published: its dashboards read everything again. Never throws. */
  async resync(): Promise<void> {
    const ownerIds = this.deps.dashboards.ownerIds();
    if (ownerIds.length === 0) return;
    try {
      for (const agentId of await findAgentsOf(this.deps.database, ownerIds)) this.changed({ agentId, scopes: ALL });
    } catch (error) {
      this.deps.log.warn({ event: 'dashboards.not_resynced', err: error });
    }
  }

  private async publishChanges(): Promise<void> {
    const changes = [...this.changes.values()];
    this.changes = new Map();
    this.gathering = null;
    try {
      this.committed(await hintsOf(this.deps.database, changes));
    } catch (error) {
      this.deps.log.warn({ event: 'owners.not_found', err: error });
      this.drop(changes.length);
    }
  }

  private show(notes: OwnerNote[]): void {
    this.deps.frames.add(notes.filter((note) => note.kind === 'message'));
    for (const note of notes) if (note.kind === 'owner') this.deps.dashboards.hint(note);
  }

  private passOn(notes: OwnerNote[]): void {
    if (this.deps.otherNodes().length === 0) return;
    this.outgoing.push(...notes);
    const surplus = this.outgoing.length - OUTGOING_MAX;
    if (surplus > 0) this.dropNotes(this.outgoing.splice(0, surplus));
    if (!this.isSending) void this.send();
  }

  private async send(): Promise<void> {
    this.isSending = true;
    while (this.outgoing.length > 0) await this.deps.bus.publishOwnerNotes(this.outgoing.splice(0, OUTGOING_BATCH));
    this.isSending = false;
  }

  /** One hint for each agent comes in the place of its messages. */
  private dropNotes(notes: OwnerNote[]): void {
    this.drop(notes.length);
    for (const note of notes) {
      if (note.kind === 'message') this.changed({ agentId: note.agentId, scopes: ['messages', 'conversations'] });
    }
  }

  private drop(count: number): void {
    this.deps.metrics.dashboardDrops.inc({ reason: 'overflow' }, count);
  }
}

function merge(one: AgentChange, other: AgentChange): AgentChange {
  const { agentId, conversationId } = one;
  const scopes: FeedScope[] = [...new Set([...one.scopes, ...other.scopes])];
  return conversationId === undefined || conversationId !== other.conversationId
    ? { agentId, scopes }
    : { agentId, scopes, conversationId };
}
