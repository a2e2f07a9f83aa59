import type { Logger } from '../../../platform/logger';
import { BoundedMap } from '../../../platform/bounded-map';
import type { Committer } from '../../../store/sending/committer';
import type { Database } from '../../../store/schema/database';
import { findPositions } from '../../../store/inbox/positions';

/** realtime.md §4: acks may be gathered this long; a full buffer goes at once. */
const GATHER_MS = 10;
const GATHER_MAX = 500;
/** Pushed messages whose position is remembered per agent; older ones are looked up. */
const REMEMBERED_MAX = 10_000;
/** Acks that could not be written wait this long for their next try; the rows are offered again until then. */
const RETRY_MS = 1_000;
/** Acks that wait to be written; a client that is faster than the database is not read from until it caught up. */
const WAITING_MAX = 5_000;

/** Gathers what one agent's sockets confirm into few commits. Shared by all of its sockets on this node. */
export class AckBuffer {
  private readonly pushed = new BoundedMap<string, number>(REMEMBERED_MAX);
  private positions = new Set<number>();
  private unknown = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private isWriting = false;
  private isClosed = false;

  constructor(
    private readonly agentId: string,
    private readonly deps: { committer: Committer; database: Database; log: Logger },
  ) {}

  /** Remembers where a pushed message stands, so that its ack needs no look-up. */
  remember(messageId: string, position: number): void {
    this.pushed.set(messageId, position);
  }

  /** True while no more should be taken before a flush. */
  isFull(): boolean {
    return this.positions.size + this.unknown.size >= WAITING_MAX;
  }

  /** An `ack` frame. Unknown, foreign, repeated: silently nothing (realtime.md §5.3). */
  ackMessage(messageId: string): void {
    const position = this.pushed.get(messageId);
    if (position === undefined) this.unknown.add(messageId);
    else {
      this.pushed.delete(messageId);
      this.positions.add(position);
    }
    this.schedule();
  }

  /** A frame that a mark-on-send socket took. */
  ackPosition(position: number): void {
    this.positions.add(position);
    this.schedule();
  }

  /** Writes what was gathered; resolves when all of it is durable, or waits for its next try. */
  flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.running = this.running.then(() => this.write());
    return this.running;
  }

  /** The last socket is gone: what cannot be written now is given up, and its rows are offered again. */
  close(): Promise<void> {
    this.isClosed = true;
    return this.flush();
  }

  private schedule(): void {
    // While a write runs, whatever comes gathers for the next one.
    if (this.positions.size + this.unknown.size >= GATHER_MAX && !this.isWriting) void this.flush();
    else this.timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  private async write(): Promise<void> {
    const known = [...this.positions];
    const ids = [...this.unknown];
    this.positions = new Set();
    this.unknown = new Set();
    this.isWriting = true;
    try {
      const positions = [...known, ...(await this.lookUp(ids))];
      if (positions.length > 0) await this.deps.committer.ack({ recipientId: this.agentId, positions });
    } catch (error) {
      this.deps.log.warn({ event: 'ack.delayed', err: error, count: known.length + ids.length });
      this.keep(known, ids);
    }
    this.isWriting = false;
  }

  /** What could not be written joins what came meanwhile: a full buffer reads no more from its sockets. */
  private keep(positions: number[], ids: string[]): void {
    if (this.isClosed) return;
    for (const position of positions) this.positions.add(position);
    for (const id of ids) this.unknown.add(id);
    this.timer ??= setTimeout(() => void this.flush(), RETRY_MS);
  }

  private async lookUp(messageIds: string[]): Promise<number[]> {
    const positions: number[] = [];
    for (let start = 0; start < messageIds.length; start += GATHER_MAX) {
      const page = messageIds.slice(start, start + GATHER_MAX);
      positions.push(...(await findPositions(this.deps.database, this.agentId, page)));
    }
    return positions;
  }
}
