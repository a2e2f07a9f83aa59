import type { LaneWaiting } from './batch-runner';

/** One item that waits for its turn. */
export interface Entry {
  waiting: LaneWaiting;
  /** Who must not make others wait: the sender of a direct message, the group of everything in a group. */
  tenant: string;
  bytes: number;
}

/**
 * The items that wait, one queue a tenant, taken in turns: one tenant's thousand items delay another's one by a batch,
 * not by a thousand. Items of one tenant keep their order. A tenant whose first item waits for a document is parked at
 * it, so that nobody looks through items that cannot go.
 */
export class Turns {
  private readonly queues = new Map<string, Entry[]>();
  /** Tenants without a turn: their queues, and the documents that they wait for. */
  private readonly parkedQueues = new Map<string, Entry[]>();
  private readonly parked = new Map<string, string[]>();
  private count = 0;
  private heldBytes = 0;

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  push(entry: Entry): void {
    this.add(entry, (queue) => queue.push(entry));
  }

  /** Puts an entry before all others of its tenant: it had its turn already, and need not wait for what they wait for. */
  putBack(entry: Entry): void {
    const parked = this.parkedQueues.get(entry.tenant);
    this.parkedQueues.delete(entry.tenant);
    if (parked !== undefined) this.queues.set(entry.tenant, parked);
    this.add(entry, (queue) => queue.unshift(entry));
  }

  /** The tenants whose turn it is, in order. */
  tenants(): string[] {
    return [...this.queues.keys()];
  }

  first(tenant: string): Entry | undefined {
    return this.queues.get(tenant)?.[0];
  }

  /** Takes the first item of a tenant; the tenant's next turn comes after those of all others. */
  take(tenant: string): Entry | undefined {
    const queue = this.queues.get(tenant);
    const entry = queue?.shift();
    if (queue === undefined || entry === undefined) return undefined;
    this.queues.delete(tenant);
    if (queue.length > 0) this.queues.set(tenant, queue);
    this.forget(entry);
    return entry;
  }

  /** All items of a tenant, in order. */
  all(tenant: string): Entry[] {
    return this.queues.get(tenant) ?? this.parkedQueues.get(tenant) ?? [];
  }

  /** The tenant has no turn until `unpark` is called for the document that its first item waits for. */
  park(tenant: string, id: string): void {
    const queue = this.queues.get(tenant);
    if (queue === undefined) return;
    this.queues.delete(tenant);
    this.parkedQueues.set(tenant, queue);
    const waiting = this.parked.get(id);
    if (waiting === undefined) this.parked.set(id, [tenant]);
    else waiting.push(tenant);
  }

  /** Tenants that waited for these documents have the next turns, before all who came since. */
  unpark(ids: Iterable<string>): void {
    const back: [string, Entry[]][] = [];
    for (const id of ids) {
      for (const tenant of this.parked.get(id) ?? []) {
        const queue = this.parkedQueues.get(tenant);
        if (queue !== undefined) back.push([tenant, queue]);
        this.parkedQueues.delete(tenant);
      }
      this.parked.delete(id);
    }
    if (back.length === 0) return;
    const others = [...this.queues];
    this.queues.clear();
    for (const [tenant, queue] of [...back, ...others]) this.queues.set(tenant, queue);
  }

  private add(entry: Entry, put: (queue: Entry[]) => void): void {
    const parked = this.parkedQueues.get(entry.tenant);
    const queue = parked ?? this.queues.get(entry.tenant) ?? [];
    put(queue);
    if (parked === undefined && !this.queues.has(entry.tenant)) this.queues.set(entry.tenant, queue);
    this.count += 1;
    this.heldBytes += entry.bytes;
  }

  private forget(entry: Entry): void {
    this.count -= 1;
    this.heldBytes -= entry.bytes;
  }
}
