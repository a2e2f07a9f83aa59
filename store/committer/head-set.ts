import { attachmentHeadId, type AttachmentHead } from '../../domain/attachments';
import { groupHeadId, type GroupHead } from '../../domain/group';
import {
  emptyPair,
  inboxInId,
  inboxOutId,
  senderHeadId,
  type InboxInHead,
  type InboxOutHead,
  type PairHead,
  type SenderHead,
} from '../../domain/heads';
import type { Head } from '../database';
import type { HeadChange } from './head-writes';

/** The guarding documents of one batch: as loaded, and as they are after the decisions so far. */
export class HeadSet {
  private readonly loaded = new Map<string, Head>();
  private readonly current = new Map<string, Head>();

  constructor(rows: Head[]) {
    for (const row of rows) {
      this.loaded.set(row._id, row);
      this.current.set(row._id, row);
    }
  }

  // The kind of a head stands in its _id; these six are the parse points of the union.
  pair = (id: string): PairHead => (this.current.get(id) as PairHead | undefined) ?? emptyPair(id);
  sender = (agentId: string): SenderHead | null => (this.current.get(senderHeadId(agentId)) as SenderHead) ?? null;
  inboxIn = (agentId: string): InboxInHead | null => (this.current.get(inboxInId(agentId)) as InboxInHead) ?? null;
  inboxOut = (agentId: string): InboxOutHead | null => (this.current.get(inboxOutId(agentId)) as InboxOutHead) ?? null;
  group = (groupId: string): GroupHead | null => (this.current.get(groupHeadId(groupId)) as GroupHead) ?? null;

  attachment = (id: string): AttachmentHead | null =>
    (this.current.get(attachmentHeadId(id)) as AttachmentHead) ?? null;

  version(id: string): number {
    return this.loaded.get(id)?.v ?? 0;
  }

  put(head: Head): void {
    this.current.set(head._id, head);
  }

  /** Writes a head that a decision rests on although it stays as it is: whoever changes it collides with the commit. */
  touch(id: string): void {
    const head = this.current.get(id) ?? (id.startsWith('pair:') ? emptyPair(id) : null);
    if (head !== null) this.current.set(id, { ...head });
  }

  /** Every head of the batch that stays as it was loaded. */
  unchanged(): Head[] {
    return [...this.current.values()].filter((head) => this.loaded.get(head._id) === head);
  }

  /** Heads that differ from what was loaded, the contended kinds first, always in the same order. */
  changed(): HeadChange[] {
    return [...this.current.values()]
      .filter((head) => this.loaded.get(head._id) !== head)
      .map((after) => ({ before: this.loaded.get(after._id) ?? null, after }))
      .sort((one, other) => (one.after._id < other.after._id ? -1 : 1));
  }
}
