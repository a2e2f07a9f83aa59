import { AppError } from '../../contract/errors';

/** What one caller waits for. */
export interface Waiting<Command, Outcome> {
  command: Command;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

export interface LaneLimits {
  /** Items in one commit. */
  batchMax: number;
  /** Items and bytes that may wait; over it callers get 503. */
  queuedMax: number;
  queuedBytesMax: number;
  /** Documents in one commit. */
  documentsMax?: number;
}

/** Waits of callers that were turned away: long enough for a batch to pass. */
const OVERLOAD_RETRY_MS = 1_000;

/**
 * Group commit: items that arrive while a batch is in flight form the next batch, without a timer that waits for a
 * fuller one. One batch at a time, so items of one process never conflict with each other.
 */
export class Lane<Command, Outcome> {
  private queue: { item: Waiting<Command, Outcome>; bytes: number }[] = [];
  private queuedBytes = 0;
  private running: Promise<void> | null = null;
  private readonly postponed = new Set<Promise<void>>();

  /**
   * @param runBatch settles or postpones every item that it is given; it must not throw
   * @param documentsOf about how many documents an item writes
   */
  constructor(
    private readonly limits: LaneLimits,
    private readonly runBatch: (items: Waiting<Command, Outcome>[]) => Promise<void>,
    private readonly documentsOf: (command: Command) => number = () => 1,
  ) {}

  /**
   * Queues `command` and waits for its own outcome.
   * @param bytes what the item holds in memory while it waits
   * @throws AppError SERVICE_UNAVAILABLE when the queue is full; nothing was done then
   */
  submit(command: Command, bytes: number): Promise<Outcome> {
    if (this.queue.length >= this.limits.queuedMax || this.queuedBytes + bytes > this.limits.queuedBytesMax) {
      return Promise.reject(new AppError('SERVICE_UNAVAILABLE', undefined, OVERLOAD_RETRY_MS));
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ item: { command, resolve, reject }, bytes });
      this.queuedBytes += bytes;
      this.running ??= this.drain();
    });
  }

  /** Takes items that `runBatch` was given out of the lane until `due`; then they come before all others. */
  postpone(items: Waiting<Command, Outcome>[], due: Promise<void>): void {
    if (items.length === 0) return;
    const postponed = due.then(() => {
      this.postponed.delete(postponed);
      this.queue.unshift(...items.map((item) => ({ item, bytes: 0 })));
      this.running ??= this.drain();
    });
    this.postponed.add(postponed);
  }

  /** Resolves when everything that was queued so far is settled. */
  async idle(): Promise<void> {
    while (this.running !== null || this.postponed.size > 0) await Promise.all([this.running, ...this.postponed]);
  }

  private async drain(): Promise<void> {
    // Requests that were read in the same turn of the event loop should share the first batch too.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const batch = this.takeBatch();
      for (const { bytes } of batch) this.queuedBytes -= bytes;
      await this.runBatch(batch.map(({ item }) => item));
    }
    this.running = null;
  }

  /** The next batch, in the order of arrival. The first item is always taken, whatever it writes. */
  private takeBatch(): typeof this.queue {
    const { batchMax, documentsMax = Infinity } = this.limits;
    let documents = 0;
    let count = 0;
    for (const { item } of this.queue) {
      documents += this.documentsOf(item.command);
      if (count === batchMax || (count > 0 && documents > documentsMax)) break;
      count += 1;
    }
    return this.queue.splice(0, count);
  }
}
