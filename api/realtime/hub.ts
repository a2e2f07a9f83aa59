import type { Committed } from '../../store/committer/send-types';
import { type AckBuffer } from './ack-buffer';
import type { Session } from './session';

/** The live sockets of this node, by agent. */
export class Hub {
  private readonly sessions = new Map<string, Set<Session>>();
  private readonly acks = new Map<string, AckBuffer>();

  constructor(private readonly newAckBuffer: (agentId: string) => AckBuffer) {}

  /** One buffer for all sockets of an agent: the first confirmation wins. */
  acksOf(agentId: string): AckBuffer {
    const buffer = this.acks.get(agentId) ?? this.newAckBuffer(agentId);
    this.acks.set(agentId, buffer);
    return buffer;
  }

  add(agentId: string, session: Session): void {
    const own = this.sessions.get(agentId) ?? new Set();
    own.add(session);
    this.sessions.set(agentId, own);
  }

  remove(agentId: string, session: Session): void {
    const own = this.sessions.get(agentId);
    own?.delete(session);
    if (own === undefined || own.size > 0) return;
    this.sessions.delete(agentId);
    void this.acks.get(agentId)?.flush();
    this.acks.delete(agentId);
  }

  all(): Session[] {
    return [...this.sessions.values()].flatMap((own) => [...own]);
  }

  /** Hands fresh envelopes to the pumps of their recipients, in delivery order. */
  offer(commit: Committed[]): void {
    for (const committed of commit) {
      for (const session of this.sessions.get(committed.recipientId) ?? []) session.pump?.offer(committed);
    }
  }

  /** Lets the pumps of these agents look; an empty list means everybody. */
  wake(agentIds: string[]): void {
    const woken = agentIds.length === 0 ? this.all() : agentIds.flatMap((id) => [...(this.sessions.get(id) ?? [])]);
    for (const session of woken) session.pump?.wake();
  }
}
