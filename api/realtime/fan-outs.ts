/** Of them at once per process: each costs a few reads, and sends must not wait behind them. */
const RUNNING_MAX = 8;
/** Waiting ones; what is told is of no use any more when thousands of newer ones wait before it. */
const WAITING_MAX = 10_000;

/**
 * Runs what tells others of something that nobody stores, beside whoever caused it. Fan-outs of one subject run one
 * after another, so a later state is not overtaken by an earlier one; a flood is bounded, and costs its oldest.
 */
export class FanOuts {
  /** Waiting fan-outs by subject, in order; a subject that is being told now has an entry too. */
  private readonly waiting = new Map<string, (() => Promise<void>)[]>();
  /** Subjects with something to tell of which none is being told. */
  private readonly ready = new Set<string>();
  private running = 0;
  private count = 0;
  private idleListeners: (() => void)[] = [];

  /** @param onFailed told what a fan-out threw; nobody is told of it again */
  constructor(private readonly onFailed: (error: unknown) => void) {}

  add(subject: string, tell: () => Promise<void>): void {
    if (this.count >= WAITING_MAX) this.dropOldest();
    const own = this.waiting.get(subject);
    if (own === undefined) {
      this.waiting.set(subject, [tell]);
      this.ready.add(subject);
    } else own.push(tell);
    this.count += 1;
    this.next();
  }

  /** Resolves when all that was added has been told. */
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
    const tell = this.waiting.get(subject)?.shift();
    this.count -= tell === undefined ? 0 : 1;
    this.running += 1;
    await tell?.().catch(this.onFailed);
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
