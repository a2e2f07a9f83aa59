/** How often a caller is told that audio was dropped. */
const TOLD_EVERY_MS = 1_000;

/** Gathers what was dropped, so that a flood of it is no flood of warnings; none of it is left out. */
export class DropNotes {
  private pendingMs = 0;
  private toldAtMs = Number.NEGATIVE_INFINITY;

  add(droppedMs: number): void {
    this.pendingMs += droppedMs;
  }

  /** What is to be told now; null: nothing. */
  due(nowMs: number): number | null {
    if (this.pendingMs === 0 || nowMs - this.toldAtMs < TOLD_EVERY_MS) return null;
    this.toldAtMs = nowMs;
    const told = Math.ceil(this.pendingMs);
    this.pendingMs = 0;
    return told;
  }
}
