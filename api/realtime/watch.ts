import type { Bus, OwnerNote, WatchScope } from '../../platform/bus';
import type { Logger } from '../../platform/logger';
import type { Metrics } from '../../platform/metrics';
import type { Database } from '../../store/database';
import { findAgentsOf, hintsOf, type AgentChange } from '../../store/watch/tell-owner';
import type { DashboardFrames } from './dashboard-frames';
import type { Dashboards } from './dashboards';

/** Tells the dashboards of agents' owners that something is to be read again. */
export interface Watch {
  /** Returns at once, never throws; changes of one agent within a moment are one. */
  changed(change: AgentChange): void;
}

export interface WatchDeps {
  database: Database;
  bus: Pick<Bus, 'tellOwners' | 'onOwnerNotes'>;
  otherNodes: () => string[];
  dashboards: Dashboards;
  frames: DashboardFrames;
  metrics: Pick<Metrics, 'dashboardDrops'>;
  log: Logger;
}

const ALL: WatchScope[] = ['profile', 'pause', 'events', 'contacts', 'blocks', 'conversations', 'messages', 'presence'];

/** Changes are gathered for so long: one look-up of owners for all of them. */
const GATHER_MS = 100;
/** Agents with a change that is not told yet. */
const CHANGED_MAX = 5_000;
/** Notes that wait for other nodes. */
const OUTGOING_MAX = 5_000;
const OUTGOING_BATCH = 500;

/**
 * What this process has to tell dashboards, here and on other nodes: what its commits say of messages, and hints. All of
 * it beside whoever caused it, in bounded queues that lose their oldest.
 */
export class WatchDesk implements Watch {
  private changes = new Map<string, AgentChange>();
  private gathering: NodeJS.Timeout | null = null;
  private outgoing: OwnerNote[] = [];
  private isSending = false;

  constructor(private readonly deps: WatchDeps) {
    deps.bus.onOwnerNotes((notes) => this.show(notes));
  }

  /** What a commit of this process tells. */
  committed(notes: OwnerNote[]): void {
    this.show(notes);
    this.passOn(notes);
  }

  changed(change: AgentChange): void {
    const known = this.changes.get(change.agentId);
    if (known === undefined && this.changes.size >= CHANGED_MAX) return this.drop(1);
    this.changes.set(change.agentId, known === undefined ? change : merge(known, change));
    this.gathering ??= setTimeout(() => void this.tellChanges(), GATHER_MS);
  }

  /** This node may have missed what others told: its dashboards read everything again. Never throws. */
  async resync(): Promise<void> {
    const ownerIds = this.deps.dashboards.ownerIds();
    if (ownerIds.length === 0) return;
    try {
      for (const agentId of await findAgentsOf(this.deps.database, ownerIds)) this.changed({ agentId, scopes: ALL });
    } catch (error) {
      this.deps.log.warn({ event: 'dashboards.not_resynced', err: error });
    }
  }

  private async tellChanges(): Promise<void> {
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
    while (this.outgoing.length > 0) await this.deps.bus.tellOwners(this.outgoing.splice(0, OUTGOING_BATCH));
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
  const scopes: WatchScope[] = [...new Set([...one.scopes, ...other.scopes])];
  return conversationId === undefined || conversationId !== other.conversationId
    ? { agentId, scopes }
    : { agentId, scopes, conversationId };
}
