/**
 * The guarding documents that the two lanes of this process are writing: single sends and fan-outs never write the same
 * one at once, so their commits run side by side without colliding. This saves conflicts and nothing else: what
 * another process does, or a reservation that misses a document, is found by the versions that every write expects.
 *
 * Singles do not wait for a fan-out that holds what they need, they are postponed one by one; a fan-out waits for the
 * commit of singles in flight. Neither starves: the next fan-out begins after the postponed singles had their turn.
 */
export class Reservations {
  private singles: ReadonlySet<string> = new Set();
  private fanOut: ReadonlySet<string> = new Set();
  private fanOutEnd = newSignal();
  private singlesEnd = newSignal();
  /** Items that had to wait for a fan-out and were not taken since. */
  private readonly heldItems = new Set<unknown>();
  private singlesTaken = newSignal();

  /**
   * Reserves for the items of a batch of singles what they write, but for those that meet the fan-out in flight.
   * @param idsOf the documents of one item
   * @returns the items that may go now, and those that have to wait for `untilFanOutEnds`
   */
  takeSingles<Item>(items: Item[], idsOf: (item: Item) => string[]): { free: Item[]; held: Item[] } {
    const free: Item[] = [];
    const held: Item[] = [];
    const taken = new Set<string>();
    for (const item of items) {
      const ids = idsOf(item);
      if (ids.some((id) => this.fanOut.has(id))) {
        held.push(item);
        this.heldItems.add(item);
      } else {
        free.push(item);
        this.heldItems.delete(item);
        for (const id of ids) taken.add(id);
      }
    }
    this.singles = taken;
    this.singlesTaken = fire(this.singlesTaken);
    return { free, held };
  }

  releaseSingles(): void {
    this.singles = new Set();
    this.singlesEnd = fire(this.singlesEnd);
  }

  untilFanOutEnds(): Promise<void> {
    return this.fanOutEnd.fired;
  }

  /** Resolves when no single in flight writes one of `ids`; none begins that would until `releaseFanOut`. */
  async takeFanOut(ids: Iterable<string>): Promise<void> {
    while (this.heldItems.size > 0) await this.singlesTaken.fired;
    const wanted = new Set(ids);
    this.fanOut = wanted;
    while ([...this.singles].some((id) => wanted.has(id))) await this.singlesEnd.fired;
  }

  releaseFanOut(): void {
    this.fanOut = new Set();
    this.fanOutEnd = fire(this.fanOutEnd);
  }
}

interface Signal {
  fired: Promise<void>;
  fire: () => void;
}

function newSignal(): Signal {
  let fire = (): void => undefined;
  const fired = new Promise<void>((resolve) => (fire = resolve));
  return { fired, fire };
}

/** Wakes all who wait for `signal`; returns the one to wait for next. */
function fire(signal: Signal): Signal {
  signal.fire();
  return newSignal();
}
