import { AppError } from '../../contract/errors';

/** What one caller waits for. */
export interface Waiting<Command, Outcome> {
  command: Command;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

export interface LaneLimits {
  /** Items in one batch. */
  batchMax: number;
  /** Items and bytes that may wait; over it callers get 503. */
  queuedMax: number;
  queuedBytesMax: number;
}

/** Waits of callers that were turned away: long enough for a batch to pass. */
const OVERLOAD_RETRY_MS = 1_000;

/**
 * Items that arrive while a batch is in flight form the next batch, without a timer that waits for a fuller one. One
 * batch at a time, so items of one process never conflict with each other.
 */
export class Lane<Command, Outcome> {
  private queue: { item: Waiting<Command, Outcome>; bytes: number }[] = [];
  private queuedBytes = 0;
  private running: Promise<void> | null = null;
  private batchFromMs: number | null = null;

  /** @param runBatch settles every item that it is given; it must not throw */
  constructor(
    private readonly limits: LaneLimits,
    private readonly runBatch: (items: Waiting<Command, Outcome>[]) => Promise<void>,
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

  /** For how long the batch in flight has been so, in milliseconds; 0 without one. */
  batchMs(): number {
    return this.batchFromMs === null ? 0 : performance.now() - this.batchFromMs;
  }

  /** Resolves when everything that was queued so far is settled. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  private async drain(): Promise<void> {
    // Requests that were read in the same turn of the event loop should share the first batch too.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, this.limits.batchMax);
      for (const { bytes } of batch) this.queuedBytes -= bytes;
      this.batchFromMs = performance.now();
      await this.runBatch(batch.map(({ item }) => item));
      this.batchFromMs = null;
    }
    this.running = null;
  }
}
