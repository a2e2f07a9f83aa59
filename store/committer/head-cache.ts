import type { Head } from '../database';

/** Heads of about 4,000 agents that talk; a head is under 1 KiB but for busy openers. */
const HEADS_MAX = 20_000;

/**
 * The heads that this process wrote last, so that a lone send between two agents that talk needs no load. Safe because
 * an accepted send writes every head that it rests on and expects its version: an old copy makes the commit fail, not
 * pass. A refusal rests on nothing that is written, so it is never given from here.
 */
export class HeadCache {
  private readonly heads = new Map<string, Head>();

  /** All of `ids`, or null when one is missing. */
  getAll(ids: Iterable<string>): Head[] | null {
    const found: Head[] = [];
    for (const id of ids) {
      const head = this.heads.get(id);
      if (head === undefined) return null;
      found.push(head);
    }
    return found;
  }

  put(heads: Iterable<Head>): void {
    for (const head of heads) {
      this.heads.delete(head._id);
      this.heads.set(head._id, head);
    }
    // A map keeps the order of insertion: the first is the one that was put longest ago.
    for (const oldest of this.heads.keys()) {
      if (this.heads.size <= HEADS_MAX) break;
      this.heads.delete(oldest);
    }
  }

  drop(ids: Iterable<string>): void {
    for (const id of ids) this.heads.delete(id);
  }
}
