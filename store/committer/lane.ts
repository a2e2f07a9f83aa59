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
  /** Documents in one commit; of them, what fan-outs may take while single writes wait. */
  documentsMax?: number;
  fanOutDocumentsMax?: number;
}

/** An item that writes more documents than this is a fan-out. */
const FAN_OUT_DOCUMENTS_MIN = 16;

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

  /**
   * @param runBatch settles every item that it is given; it must not throw
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

  /** Resolves when everything that was queued so far is settled. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
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

  /**
   * The next batch, in the order of arrival but for one thing: when fan-outs have used up their share and single writes
   * wait behind them, those go first. The first item is always taken, whatever it writes.
   */
  private takeBatch(): typeof this.queue {
    const { batchMax, documentsMax = Infinity, fanOutDocumentsMax = Infinity } = this.limits;
    const taken: typeof this.queue = [];
    const postponed: typeof this.queue = [];
    let documents = 0;
    let fanOutDocuments = 0;
    let next = 0;
    for (; next < this.queue.length && taken.length < batchMax; next += 1) {
      const entry = this.queue[next];
      if (entry === undefined) break;
      const own = this.documentsOf(entry.item.command);
      const isFanOut = this.isFanOut(entry.item.command);
      if (taken.length > 0 && isFanOut && fanOutDocuments + own > fanOutDocumentsMax) {
        postponed.push(entry);
        continue;
      }
      if (taken.length > 0 && documents + own > documentsMax) break;
      documents += own;
      if (isFanOut) fanOutDocuments += own;
      taken.push(entry);
    }
    this.queue = [...postponed, ...this.queue.slice(next)];
    return this.fillUp(taken, postponed, documents);
  }

  /** Without single writes that wait, fan-outs may use the whole budget. */
  private fillUp(taken: typeof this.queue, postponed: typeof this.queue, documents: number): typeof this.queue {
    if (this.queue.length > postponed.length || taken.some(({ item }) => !this.isFanOut(item.command))) return taken;
    const { batchMax, documentsMax = Infinity } = this.limits;
    let sum = documents;
    while (this.queue[0] !== undefined && taken.length < batchMax) {
      sum += this.documentsOf(this.queue[0].item.command);
      if (sum > documentsMax) break;
      taken.push(...this.queue.splice(0, 1));
    }
    return taken;
  }

  private isFanOut(command: Command): boolean {
    return this.documentsOf(command) > FAN_OUT_DOCUMENTS_MIN;
  }
}
