/** How many frames of a kind a socket may send within a window; aligned to its first one. */
export class Budget {
  private startMs = Number.NEGATIVE_INFINITY;
  private taken = 0;

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
  ) {}

  /** False when the window is used up. */
  take(nowMs: number): boolean {
    if (nowMs - this.startMs >= this.windowMs) {
      this.startMs = nowMs;
      this.taken = 0;
    }
    this.taken += 1;
    return this.taken <= this.limit;
  }
}
