/** Of them at once per process: each costs a few reads, and sends must not wait behind them. */
const RUNNING_MAX = 8;
/** Waiting ones; a frame is of no use any more when thousands of newer ones wait before it. */
const WAITING_MAX = 10_000;

/**
 * Broadcasts what nobody stores, beside whoever caused it. Fan-outs of one subject run one
 * after another, so a later state is not overtaken by an earlier one; a flood is bounded, and costs its oldest.
 */
export class FanOuts {
  /** Waiting fan-outs by subject, in order; a subject that is being broadcast now has an entry too. */
  private readonly waiting = new Map<string, (() => Promise<void>)[]>();
  /** Subjects with something that waits, of which nothing is being broadcast. */
  private readonly ready = new Set<string>();
  private running = 0;
  private count = 0;
  private idleListeners: (() => void)[] = [];

  /** @param onFailed gets what a fan-out threw; it is not tried again */
  constructor(private readonly onFailed: (error: unknown) => void) {}

  add(subject: string, run: () => Promise<void>): void {
    if (this.count >= WAITING_MAX) this.dropOldest();
    const own = this.waiting.get(subject);
    if (own === undefined) {
      this.waiting.set(subject, [run]);
      this.ready.add(subject);
    } else own.push(run);
    this.count += 1;
    this.next();
  }

  /** Resolves when all that was added has been broadcast. */
  idle(): Promise<void> {
    return this.waiting.size === 0 ? Promise.resolve() : new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private next(): void {
    for (const subject of this.ready) {
      if (this.running >= RUNNING_MAX) return;
      this.ready.delete(subject);
      void this.run(subject);
    }
  }

  private async run(subject: string): Promise<void> {
    const run = this.waiting.get(subject)?.shift();
    this.count -= run === undefined ? 0 : 1;
    this.running += 1;
    await run?.().catch(this.onFailed);
    this.running -= 1;
    if (this.waiting.get(subject)?.length === 0) this.waiting.delete(subject);
    else this.ready.add(subject);
    if (this.waiting.size === 0) for (const listener of this.idleListeners.splice(0)) listener();
    this.next();
  }

  private dropOldest(): void {
    for (const own of this.waiting.values()) {
      if (own.shift() === undefined) continue;
      this.count -= 1;
      return;
    }
  }
}
