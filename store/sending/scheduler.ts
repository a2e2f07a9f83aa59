import { AppError } from '../../contract/errors';
import type { LaneOutcome, LaneWaiting } from './batch-runner';
import type { LaneItem } from './items';
import type { Reservations } from './reservations';
import { Turns, type Entry } from './turns';

export interface Limits {
  /** Items in one commit. */
  batchMax: number;
  /** Documents in one commit. */
  documentsMax: number;
  /** Batches that run at once. */
  runningMax: number;
  /** True: an item that finds a document taken has all of its documents next, or it would never find them free at once. */
  reservesAhead: boolean;
  /** Items that may wait, of all and of one tenant, and their bytes; over it callers get 503. */
  queuedMax: number;
  queuedPerTenantMax: number;
  queuedBytesMax: number;
}

export interface Work {
  limits: Limits;
  tenantOf: (item: LaneItem) => string;
  /** The guard documents that an item writes, as far as they are known before its load. */
  guardIdsOf: (item: LaneItem) => string[];
  /** About how many documents an item writes. */
  documentsOf: (item: LaneItem) => number;
  /** Settles the items, or returns those that met another process and are to be tried after a pause. */
  run: (waiting: LaneWaiting[]) => Promise<{ again: LaneWaiting[]; pause: () => Promise<void> }>;
}

/** Waits of callers that were turned away: long enough for a batch to pass. */
const OVERLOAD_RETRY_MS = 1_000;

/** A batch that is being written. */
interface Batch {
  entries: Entry[];
  ids: Set<string>;
}

/**
 * Group commit: items that arrive while batches are in flight form the next one, without a timer that waits for a fuller
 * one. Batches at once never share a guard document, whoever they belong to; tenants take turns. An item that met another
 * process waits outside for its next try, so that nobody stands behind it.
 */
export class Line {
  private readonly turns = new Turns();
  /** When the batches that are being written were begun. */
  private readonly running = new Map<Batch, number>();
  private pausing = 0;
  private isAsked = false;
  private idleWaiters: (() => void)[] = [];

  constructor(
    private readonly work: Work,
    private readonly reservations: Reservations,
    /** Called when documents were freed, with them: other lines may go on. */
    private readonly onFreed: (ids: ReadonlySet<string>) => void,
  ) {}

  /**
   * Queues an item and waits for its own outcome.
   * @param bytes what the item holds in memory while it waits
   * @throws AppError SERVICE_UNAVAILABLE when the queue, or the tenant's part of it, is full; nothing was done then
   */
  submit(command: LaneItem, bytes: number): Promise<LaneOutcome> {
    const { queuedMax, queuedPerTenantMax, queuedBytesMax } = this.work.limits;
    const tenant = this.work.tenantOf(command);
    const isFull =
      this.turns.size >= queuedMax ||
      this.turns.bytes + bytes > queuedBytesMax ||
      this.turns.all(tenant).length >= queuedPerTenantMax;
    if (isFull) return Promise.reject(new AppError('SERVICE_UNAVAILABLE', undefined, OVERLOAD_RETRY_MS));
    return new Promise((resolve, reject) => {
      this.turns.push({ waiting: { command, resolve, reject }, tenant, bytes });
      this.ask();
    });
  }

  /** Documents are free again: whoever waited for them has a turn. */
  wake(ids: ReadonlySet<string>): void {
    this.turns.unpark(ids);
    this.pump();
  }

  /** For how long the oldest batch that is being written has been so, in milliseconds; 0 without one. */
  oldestBatchMs(): number {
    return performance.now() - Math.min(performance.now(), ...this.running.values());
  }

  /** Resolves when everything that was queued so far is settled. */
  async idle(): Promise<void> {
    while (this.turns.size + this.running.size + this.pausing > 0) {
      await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
    }
  }

  /** Requests that were read in the same turn of the event loop should share the first batch. */
  private ask(): void {
    if (this.isAsked) return;
    this.isAsked = true;
    setImmediate(() => {
      this.isAsked = false;
      this.pump();
    });
  }

  private pump(): void {
    while (this.running.size < this.work.limits.runningMax) {
      const batch = this.form();
      if (batch.entries.length === 0) return;
      void this.start(batch);
    }
  }

  /** One item of each tenant in turn, until the batch is full or nobody can go. The first item is always taken. */
  private form(): Batch {
    const { batchMax, documentsMax } = this.work.limits;
    const batch: Batch = { entries: [], ids: new Set() };
    let documents = 0;
    for (let tenants = this.turns.tenants(); tenants.length > 0;) {
      const next: string[] = [];
      for (const tenant of tenants) {
        const entry = this.turns.first(tenant);
        if (entry === undefined) continue;
        const more = this.work.documentsOf(entry.waiting.command);
        if (batch.entries.length === batchMax || (batch.entries.length > 0 && documents + more > documentsMax))
          return batch;
        if (!this.admit(entry, batch)) continue;
        documents += more;
        next.push(tenant);
      }
      tenants = next;
    }
    return batch;
  }

  private admit(entry: Entry, batch: Batch): boolean {
    const ids = this.work.guardIdsOf(entry.waiting.command);
    const foreign = ids.filter((id) => !batch.ids.has(id));
    const blocker = this.reservations.blockerOf(foreign, entry.tenant);
    if (blocker !== null) {
      if (this.work.limits.reservesAhead) this.wakeOthers(this.reservations.awaitFor(ids, entry.tenant));
      this.turns.park(entry.tenant, blocker);
      return false;
    }
    this.wakeOthers(this.reservations.take(foreign, entry.tenant));
    for (const id of foreign) batch.ids.add(id);
    this.turns.take(entry.tenant);
    batch.entries.push(entry);
    return true;
  }

  /** Not now: this line is in the middle of forming a batch. */
  private wakeOthers(ids: ReadonlySet<string>): void {
    if (ids.size > 0) setImmediate(() => this.onFreed(ids));
  }

  private async start(batch: Batch): Promise<void> {
    this.running.set(batch, performance.now());
    const entries = new Map(batch.entries.map((entry) => [entry.waiting, entry]));
    const { again, pause } = await this.work.run([...entries.keys()]);
    this.running.delete(batch);
    if (again.length > 0)
      void this.retry(
        again.flatMap((waiting) => entries.get(waiting) ?? []),
        pause,
      );
    this.reservations.free(batch.ids);
    this.onFreed(batch.ids);
    this.settle();
  }

  private async retry(entries: Entry[], pause: () => Promise<void>): Promise<void> {
    this.pausing += 1;
    await pause();
    this.pausing -= 1;
    for (const entry of entries.reverse()) this.turns.putBack(entry);
    this.pump();
  }

  private settle(): void {
    if (this.turns.size + this.running.size + this.pausing > 0) return;
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const resolve of waiters) resolve();
  }
}
