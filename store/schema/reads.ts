/** The bound of an ordinary read: the server gives it up after this long. */
export const READ = { maxTimeMS: 5_000 } as const;

/** The bound of a read that something waits for in vain when it is late: leases, orders, frames. */
export const QUICK_READ = { maxTimeMS: 2_000 } as const;

/**
 * A read of what leaves the process: it shows only what a majority of the servers holds, so nothing is told that a
 * failover could take back (ARCHITECTURE.md, invariant 4).
 */
export const SAFE_READ = { ...READ, readConcern: { level: 'majority' } } as const;

/** The bound of a write by itself, outside of a transaction. */
export const WRITE = { maxTimeMS: 5_000 } as const;
