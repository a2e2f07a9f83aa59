/**
 * The guard documents that batches of this process are writing: two batches never write the same one at once, so their
 * commits run side by side without colliding. This saves conflicts and nothing else: what another process does, or a
 * reservation that misses a document, is found by the versions that every write expects.
 *
 * A fan-out needs the inboxes of a whole group, of which one or the other is always being written while its members are
 * written to. So one fan-out at a time may wait for its documents (`awaitFor`): nobody else takes those until it had them.
 */
export class Reservations {
  private readonly taken = new Set<string>();
  private awaited: { by: string; ids: ReadonlySet<string> } | null = null;

  /** The first of `ids` that tenant `by` has to wait for; null when it may take all of them. */
  blockerOf(ids: readonly string[], by: string): string | null {
    const awaited = this.awaited !== null && this.awaited.by !== by ? this.awaited.ids : null;
    return ids.find((id) => this.taken.has(id) || awaited?.has(id) === true) ?? null;
  }

  /**
   * Takes `ids` until they are freed; whoever waited for them has them now.
   * @returns what it waited for and needs no more, as when a member left its group meanwhile: others may go on with it
   */
  take(ids: readonly string[], by: string): ReadonlySet<string> {
    for (const id of ids) this.taken.add(id);
    if (this.awaited?.by !== by) return new Set();
    const left = new Set([...this.awaited.ids].filter((id) => !ids.includes(id)));
    this.awaited = null;
    return left;
  }

  /**
   * Nobody else takes `ids` before tenant `by` does. Kept for the tenant and not for its first item: an item that comes
   * back from a conflict stands before that one, and must not wait for it. Nothing happens while another tenant waits.
   * @returns what the tenant waited for until now and needs no more
   */
  awaitFor(ids: readonly string[], by: string): ReadonlySet<string> {
    if (this.awaited !== null && this.awaited.by !== by) return new Set();
    const left = new Set([...(this.awaited?.ids ?? [])].filter((id) => !ids.includes(id)));
    this.awaited = { by, ids: new Set(ids) };
    return left;
  }

  free(ids: Iterable<string>): void {
    for (const id of ids) this.taken.delete(id);
  }
}
