/** The part of a full map that goes at once. */
const EVICTED_SHARE = 1 / 16;

/**
 * A map of at most `max` entries: when it is full, the sixteenth that was set longest ago goes. Setting an entry again
 * makes it the newest; reading it does not.
 *
 * Many at once, because a map that loses its oldest entry one by one walks over ever more holes to find it: with 20,000
 * entries a set took 60 µs that way, and takes 3. (`lru-cache` reserves room for `max` entries from the start, which
 * is too much where each agent has a map.)
 */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  /** @param onEvicted gets the value of each entry that went to make room */
  constructor(
    private readonly max: number,
    private readonly onEvicted?: (value: Value) => void,
  ) {
    super();
  }

  override set(key: Key, value: Value): this {
    // A map keeps the order of insertion: what is set again must leave first.
    this.delete(key);
    super.set(key, value);
    if (this.size > this.max) this.evict(Math.ceil(this.max * EVICTED_SHARE));
    return this;
  }

  private evict(count: number): void {
    for (const [key, value] of this) {
      if (count <= 0) return;
      count -= 1;
      this.delete(key);
      this.onEvicted?.(value);
    }
  }
}
