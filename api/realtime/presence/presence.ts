import { isShownAnew, presenceAt, type Presence } from '../../../domain/presence';
import type { Clock } from '../../../platform/clock';
import type { Logger } from '../../../platform/logger';
import { findFacts } from '../../../store/agents/agent-facts';
import { presenceAudience } from '../../../store/presence/audience';
import { announcePresence } from '../../../store/webhooks/intents/announce-presence';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import { createInTurn } from '../../../store/schema/turns';
import { PresenceStore, type AgentStep, type PresenceStep } from '../../../store/presence/presences';
import { FanOuts } from '../broadcast/fan-outs';
import { presenceFrame } from '../wire/frames';
import type { Live } from '../broadcast/live';

export type PresenceSet = { status: Presence['status']; customMessage: string | null };

/** How often a pong is written down: far under the five minutes after which an agent reads as offline. */
const REFRESH_MS = 60_000;
const BEAT_PAGE = 1_000;
/** Steps of sockets that come and go, at once. */
const STEPS_MAX = 4;

/**
 * What sockets and calls do to presence, and who hears of it. A change is answered before it is broadcast; per subject the
 * version of the row keeps the frames in order on every node.
 */
export class PresenceService {
  private readonly store: PresenceStore;
  private readonly refreshedAtMs = new Map<string, number>();
  private readonly fanOuts: FanOuts;
  private readonly inTurn = createInTurn(STEPS_MAX);
  private hasLeft = false;

  constructor(
    private readonly deps: {
      database: Database;
      live: Live;
      clock: Clock;
      log: Logger;
      nodeId: string;
    },
  ) {
    this.store = new PresenceStore(deps.database);
    this.fanOuts = new FanOuts((error) => deps.log.warn({ event: 'presence.not_broadcast', err: error }));
  }

  /** A socket went live. */
  async connect(agent: Subject, socketId: string): Promise<void> {
    if (this.hasLeft) return;
    const now = this.deps.clock.now();
    this.refreshedAtMs.set(agent._id, now.getTime());
    await this.run(agent, () => this.store.connect(agent._id, { id: socketId, nodeId: this.deps.nodeId }, now));
  }

  /** A live socket is gone; a second call for it changes nothing. */
  async disconnect(agent: Subject, socketId: string): Promise<void> {
    if (this.hasLeft) return;
    await this.run(agent, () => this.store.disconnect(agent._id, socketId, this.deps.clock.now()));
  }

  /** Takes all sockets of this node off at once, before they are closed for its shutdown. Never throws. */
  async leave(): Promise<void> {
    this.hasLeft = true;
    await this.endNode(this.deps.nodeId);
  }

  /** Resolves when all that was to be broadcast has been handed on. */
  idle(): Promise<void> {
    return this.fanOuts.idle();
  }

  /** The sockets of a node that is gone: agents without another one go offline. May run at several nodes at once. */
  async endNode(nodeId: string): Promise<void> {
    const now = this.deps.clock.now();
    try {
      for await (const steps of this.store.disconnectNode(nodeId, now)) await this.broadcastAll(steps, now);
    } catch (error) {
      this.deps.log.warn({ event: 'presence.node_not_ended', err: error });
    }
  }

  /** Sockets of this node may have been taken off while it was thought dead: the next beat counts them again. */
  recount(): void {
    this.refreshedAtMs.clear();
  }

  /** The agent says itself how it is. Broadcast also when nothing changed (social.md D-13). */
  async set(agent: Subject, override: PresenceSet): Promise<Presence> {
    const now = this.deps.clock.now();
    const { before, after } = await this.store.set(agent._id, override, now);
    this.broadcast(agent, { before, after }, now);
    return presenceAt(after, now);
  }

  async read(agentIds: string[]): Promise<Map<string, Presence>> {
    const now = this.deps.clock.now();
    const rows = await this.store.read(agentIds);
    return new Map([...rows].map(([id, state]) => [id, presenceAt(state, now)]));
  }

  /**
   * Writes down the proof of life of the agents of `alive`, once a minute each, and ends what has expired. A socket
   * that another node took for dead, because this one had lost its lease for a while, is counted again. Never throws.
   */
  async beat(alive: LiveSocket[]): Promise<void> {
    const now = this.deps.clock.now();
    const due = alive.filter(({ agent }) => now.getTime() - (this.refreshedAtMs.get(agent._id) ?? 0) >= REFRESH_MS);
    this.forget(new Set(alive.map(({ agent }) => agent._id)));
    for (const { agent } of due) this.refreshedAtMs.set(agent._id, now.getTime());
    try {
      for (let start = 0; start < due.length; start += BEAT_PAGE)
        await this.refresh(due.slice(start, start + BEAT_PAGE), now);
      await this.broadcastAll(await this.store.expire(now), now);
    } catch (error) {
      this.deps.log.warn({ event: 'presence.beat_failed', err: error });
    }
  }

  /**
   * Takes off what is still counted of this node although it is not open: a step that failed. The rows are read before the
   * sockets are asked for, so one that comes in between is in neither; one that goes is taken off once. Never throws.
   */
  async reconcile(openIds: () => Set<string>): Promise<void> {
    const { database, nodeId, log } = this.deps;
    try {
      for await (const counted of this.store.socketsOf(nodeId)) {
        const open = openIds();
        const leaked = counted.filter(({ id }) => !open.has(id));
        if (leaked.length === 0) continue;
        const facts = await findFacts(database, [...new Set(leaked.map(({ agentId }) => agentId))]);
        for (const { agentId, id } of leaked) {
          const agent = facts.get(agentId);
          if (agent !== undefined) await this.disconnect(agent, id);
        }
      }
    } catch (error) {
      log.warn({ event: 'presence.not_reconciled', err: error });
    }
  }

  private async refresh(alive: LiveSocket[], now: Date): Promise<void> {
    const ids = [...new Set(alive.map(({ agent }) => agent._id))];
    await this.store.refresh(ids, now);
    const states = await this.store.read(ids);
    for (const { agent, id } of alive) {
      if (!states.get(agent._id)?.sockets.some((socket) => socket.id === id)) await this.connect(agent, id);
    }
  }

  private forget(alive: Set<string>): void {
    for (const id of this.refreshedAtMs.keys()) if (!alive.has(id)) this.refreshedAtMs.delete(id);
  }

  private async run(agent: Subject, step: () => Promise<PresenceStep>): Promise<void> {
    try {
      this.broadcastChange(agent, await this.inTurn(step), this.deps.clock.now());
    } catch (error) {
      this.deps.log.warn({ event: 'presence.failed', agent: agent.handle, err: error });
    }
  }

  /** Broadcasts the first connect, the last disconnect and the expiry, not what only changes the number of sockets. */
  private broadcastChange(agent: Subject, { before, after }: PresenceStep, now: Date): void {
    if (before === after) return;
    const isStart = after.sockets.length === 1 && after.override === null && after.expiresAt !== null;
    const wasEmpty = before.sockets.length === 0 || (before.expiresAt !== null && before.expiresAt <= now);
    const isEnd = after.expiresAt === null && before.expiresAt !== null;
    if (isEnd || (isStart && wasEmpty)) this.broadcast(agent, { before, after }, now);
  }

  private async broadcastAll(steps: AgentStep[], now: Date): Promise<void> {
    if (steps.length === 0) return;
    const facts = await findFacts(
      this.deps.database,
      steps.map(({ agentId }) => agentId),
    );
    for (const { agentId, ...step } of steps) {
      const agent = facts.get(agentId);
      if (agent !== undefined) this.broadcastChange(agent, step, now);
    }
  }

  /** Sockets hear of every step, webhooks only of what shows. */
  private broadcast(subject: Subject, { before, after }: PresenceStep, now: Date): void {
    const { database, live } = this.deps;
    live.ownerFeed.changed({ agentId: subject._id, scopes: ['presence'] });
    const presence = presenceAt(after, now);
    const text = presenceFrame(subject.handle, presence);
    const order = { subject: `presence:${subject._id}`, version: after.v };
    this.fanOuts.add(order.subject, async () => {
      for await (const agentIds of presenceAudience(database, subject._id)) live.broadcast(agentIds, { text, order });
      if (!isShownAnew(before, after, now)) return;
      await announcePresence(database, { subject, presence, version: after.v, at: now });
    });
  }
}

/** A live socket of this node by its registration. */
export interface LiveSocket {
  agent: Subject;
  id: string;
}

type Subject = Pick<Agent, '_id' | 'handle'>;
