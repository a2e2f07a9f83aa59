import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnerNote } from '../../../platform/bus';
import type { Logger } from '../../../platform/logger';
import type { Metrics } from '../../../platform/metrics';
import type { Database } from '../../../store/schema/database';
import { within } from '../../../store/schema/deadline';
import { readFresh, type FreshMessage } from '../../../store/owners/fresh';
import { hintsOf } from '../../../store/nodes/publish-to-owners';
import { presentOwnerMessage } from '../../../presenters/owner-views';
import type { Dashboards } from './dashboards';

type MessageNote = Extract<OwnerNote, { kind: 'message' }>;

export interface DashboardFramesDeps {
  database: Database;
  dashboards: Dashboards;
  publicBaseUrl: string;
  metrics: Pick<Metrics, 'dashboardDrops'>;
  log: Logger;
}

/** Messages that are read together. */
const BATCH = 100;
/** Waiting ones: some seconds of a busy owner. A dashboard that is so far behind reads again instead. */
const WAITING_MAX = 2_000;
const READ_MS_MAX = 5_000;
/**
 * Under a flood the frames rest for so many times as long as they worked: the busier the process and its database, the
 * more of both is left to the sends.
 */
const REST_SHARE = 3;
/** While a flood goes on, dashboards hear so often that they miss some of it. */
const MISSED_INTERVAL_MS = 1_000;

/**
 * Turns notes of stored messages into frames of this node's dashboards, in their order. Beside the sends: they only hand
 * their notes over, and a flood costs its oldest notes, never a send.
 */
export class DashboardFrames {
  private waiting: MessageNote[] = [];
  /** Agents of which a message was dropped. */
  private missed = new Set<string>();
  private missedHintedAtMs = -Infinity;
  private isRunning = false;

  constructor(private readonly deps: DashboardFramesDeps) {}

  add(notes: MessageNote[]): void {
    for (const note of notes) if (this.deps.dashboards.has(note.ownerId)) this.waiting.push(note);
    const surplus = this.waiting.length - WAITING_MAX;
    if (surplus > 0) this.drop(this.waiting.splice(0, surplus), 'overflow');
    if (!this.isRunning && this.waiting.length > 0) void this.run();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    // Not within the tick of the commit, whose callers come first.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const startedMs = performance.now();
      await this.showNext(this.waiting.splice(0, BATCH));
      if (startedMs - this.missedHintedAtMs >= MISSED_INTERVAL_MS) await this.hintMissed();
      if (this.waiting.length >= BATCH) await sleep((performance.now() - startedMs) * REST_SHARE);
    }
    await this.hintMissed();
    this.isRunning = false;
    if (this.waiting.length > 0) void this.run();
  }

  private async showNext(notes: MessageNote[]): Promise<void> {
    const { database, dashboards, publicBaseUrl, log } = this.deps;
    const sinceMs = performance.now();
    try {
      for (const fresh of await within(READ_MS_MAX, readFresh(database, notes))) {
        const text = presentFresh(fresh, publicBaseUrl);
        dashboards.show(fresh.ownerId, { agentId: fresh.agent._id, text, sinceMs });
      }
    } catch (error) {
      log.warn({ event: 'dashboard.not_read', err: error });
      this.drop(notes, 'not_read');
    }
  }

  private drop(notes: MessageNote[], reason: string): void {
    this.deps.metrics.dashboardDrops.inc({ reason }, notes.length);
    for (const { agentId } of notes) this.missed.add(agentId);
  }

  private async hintMissed(): Promise<void> {
    if (this.missed.size === 0) return;
    this.missedHintedAtMs = performance.now();
    const changes = [...this.missed].map((agentId) => ({
      agentId,
      scopes: ['messages' as const, 'conversations' as const],
    }));
    this.missed = new Set();
    const hints = await hintsOf(this.deps.database, changes).catch(() => []);
    for (const hint of hints) this.deps.dashboards.hint(hint);
  }
}

function presentFresh({ agent, shown }: FreshMessage, publicBaseUrl: string): string {
  const head = { type: 'message.new', agent_handle: agent.handle, conversation_id: shown.message.conversationId };
  return `${JSON.stringify(head).slice(0, -1)},"payload":${presentOwnerMessage(shown, publicBaseUrl)}}`;
}
