import { BoundedMap } from '../../platform/bounded-map';
import type { Guard } from '../schema/collections/guards';

/** Guards of about 4,000 agents that talk; a guard is under 1 KiB but for busy openers. */
const GUARDS_MAX = 20_000;

/**
 * The guards that this process wrote last, so that a lone send between two agents that talk needs no load. Safe because
 * an accepted send writes every guard that it rests on and expects its version: an old copy makes the commit fail, not
 * pass. A refusal rests on nothing that is written, so it is never given from here.
 */
export class GuardCache {
  private readonly guards = new BoundedMap<string, Guard>(GUARDS_MAX);

  /** All of `ids`, or null when one is missing. */
  getAll(ids: Iterable<string>): Guard[] | null {
    const found: Guard[] = [];
    for (const id of ids) {
      const guard = this.guards.get(id);
      if (guard === undefined) return null;
      found.push(guard);
    }
    return found;
  }

  /** Those of `ids` that are there. */
  getSome(ids: Iterable<string>): Guard[] {
    return [...ids].flatMap((id) => this.guards.get(id) ?? []);
  }

  put(guards: Iterable<Guard>): void {
    for (const guard of guards) this.guards.set(guard._id, guard);
  }

  drop(ids: Iterable<string>): void {
    for (const id of ids) this.guards.delete(id);
  }
}
