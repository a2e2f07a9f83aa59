import { attachmentGuardId, type AttachmentGuard } from '../../domain/attachments';
import { groupGuardId, type GroupGuard } from '../../domain/group';
import {
  emptyPair,
  inboxInId,
  inboxOutId,
  senderGuardId,
  type InboxInGuard,
  type InboxOutGuard,
  type PairGuard,
  type SenderGuard,
} from '../../domain/guards';
import type { Guard } from '../schema/collections/guards';
import type { GuardChange } from './guard-writes';

/** The guard documents of one batch: as loaded, and as they are after the decisions so far. */
export class GuardSet {
  private readonly loaded = new Map<string, Guard>();
  private readonly current = new Map<string, Guard>();

  constructor(rows: Guard[]) {
    for (const row of rows) {
      this.loaded.set(row._id, row);
      this.current.set(row._id, row);
    }
  }

  // The kind of a guard stands in its _id; these six are the parse points of the union.
  pair = (id: string): PairGuard => (this.current.get(id) as PairGuard | undefined) ?? emptyPair(id);
  sender = (agentId: string): SenderGuard | null => (this.current.get(senderGuardId(agentId)) as SenderGuard) ?? null;
  inboxIn = (agentId: string): InboxInGuard | null => (this.current.get(inboxInId(agentId)) as InboxInGuard) ?? null;
  inboxOut = (agentId: string): InboxOutGuard | null =>
    (this.current.get(inboxOutId(agentId)) as InboxOutGuard) ?? null;
  group = (groupId: string): GroupGuard | null => (this.current.get(groupGuardId(groupId)) as GroupGuard) ?? null;

  attachment = (id: string): AttachmentGuard | null =>
    (this.current.get(attachmentGuardId(id)) as AttachmentGuard) ?? null;

  /** The guards as they were loaded, without the decisions so far. */
  asLoaded(): GuardSet {
    return new GuardSet([...this.loaded.values()]);
  }

  version(id: string): number {
    return this.loaded.get(id)?.v ?? 0;
  }

  put(guard: Guard): void {
    this.current.set(guard._id, guard);
  }

  /** Writes a guard that a decision rests on although it stays as it is: whoever changes it collides with the commit. */
  touch(id: string): void {
    const guard = this.current.get(id) ?? (id.startsWith('pair:') ? emptyPair(id) : null);
    if (guard !== null) this.current.set(id, { ...guard });
  }

  /** Every guard of the batch that stays as it was loaded. */
  unchanged(): Guard[] {
    return [...this.current.values()].filter((guard) => this.loaded.get(guard._id) === guard);
  }

  /** Guards that differ from what was loaded, the contended kinds first, always in the same order. */
  changed(): GuardChange[] {
    return [...this.current.values()]
      .filter((guard) => this.loaded.get(guard._id) !== guard)
      .map((after) => ({ before: this.loaded.get(after._id) ?? null, after }))
      .sort((one, other) => (one.after._id < other.after._id ? -1 : 1));
  }
}
