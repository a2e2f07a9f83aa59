import { setTimeout as sleep } from 'node:timers/promises';
import type { ClockReading } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { repeat } from '../../platform/repeat';
import type { Database } from '../schema/database';
import { QUICK_READ } from '../schema/reads';
import { within } from '../schema/deadline';

/**
 * A node that has not renewed for this long pushes nothing and is taken for dead: what has to be obeyed everywhere
 * waits at most this long for a node that cannot be reached.
 */
const LEASE_MS = 1_000;
const RENEW_MS = 300;
const LOOK_MS = 50;

/** The right of this node to push, renewed in the database; and who else has it. */
export interface Lease {
  /** False when it may have lapsed, or what changed meanwhile has not been looked at yet: nothing is pushed then. */
  isHeld(): boolean;
  /** Other nodes with a running lease, as of the last renewal. */
  otherNodes(): string[];
  /** Run when the lease runs again after it had lapsed, before it counts; run again when it throws. */
  onRegained(work: () => Promise<void>): void;
  /** Called when it counts again. */
  onHeld(listener: () => void): void;
  close(): Promise<void>;
}

export interface LeaseDeps {
  /** With a pool of its own: a renewal must not wait behind a flood of other calls. */
  database: Database;
  log: Logger;
  nodeId: string;
  /** Reads the node's orders: one that cannot must not renew, so that whoever waits for it does not wait for ever. */
  beforeRenewal: () => Promise<void>;
  /** Told of each renewal, with the database's clock in it. */
  onRenewed?: (reading: ClockReading) => void;
}

/** Takes the lease, and resolves when every other node knows of this one: frames that nobody stores find it then. */
export async function openLease(deps: LeaseDeps): Promise<Lease> {
  const { database, log, nodeId } = deps;
  const regained: (() => Promise<void>)[] = [];
  const held: (() => void)[] = [];
  let others: string[] = [];
  let renewedAtMs = Number.NEGATIVE_INFINITY;
  /** Grows with every lapse; the lease counts when the work after the latest one is done. */
  let lapses = 0;
  let settledLapse = 0;
  const isRunning = (): boolean => performance.now() - renewedAtMs < LEASE_MS;

  /** An order that was given during the lapse did not wait for this node: it has to find out by itself. */
  const settle = async (lapse: number): Promise<void> => {
    while (lapse === lapses) {
      try {
        await Promise.all(regained.map((work) => work()));
        // The work of an earlier lapse may end after that of a later one.
        settledLapse = Math.max(settledLapse, lapse);
        if (settledLapse === lapses) for (const listener of held) listener();
        return;
      } catch (error) {
        log.warn({ event: 'lease.not_settled', err: error });
        await sleep(RENEW_MS);
      }
    }
  };
  const renew = async (): Promise<void> => {
    await deps.beforeRenewal();
    // Counted from before the call, while the server counts from when it hears it: ours lapses first.
    const [startedMs, sentMs] = [performance.now(), Date.now()];
    const row = await within(LEASE_MS, database.nodes.findOneAndUpdate({ _id: nodeId }, RENEWAL, RENEWED));
    // A machine that was suspended did not count the time: the row tells that others took this node for dead meanwhile.
    if (!isRunning() || row?.hadLapsed !== false) void settle((lapses += 1));
    renewedAtMs = startedMs;
    if (row !== null)
      deps.onRenewed?.({ shownMs: row.leaseUntil.getTime() - LEASE_MS, sentMs, receivedMs: Date.now() });
    // Not waited for after the first time: the next renewal must not come later for it.
    const looking = findOthers(database, nodeId).then((found) => void (others = found));
    if (others.length === 0) await looking;
    else void looking.catch((error: unknown) => log.warn({ event: 'nodes.not_read', err: error }));
  };
  await renew();
  const step = () => renew().catch((error: unknown) => log.warn({ event: 'lease.failed', err: error }));
  const renewing = repeat(step, { everyMs: RENEW_MS, isLater: true, isFromStart: true });
  await untilKnown(database, nodeId);
  return {
    isHeld: () => isRunning() && settledLapse === lapses,
    otherNodes: () => others,
    onRegained: (work) => void regained.push(work),
    onHeld: (listener) => void held.push(listener),
    close: async () => {
      await renewing.stop();
      lapses += 1;
      await database.nodes.deleteOne({ _id: nodeId });
    },
  };
}

/** All by the server's clock: the nodes' clocks may differ. */
const RENEWAL = [
  {
    $set: {
      leaseUntil: { $add: ['$$NOW', LEASE_MS] },
      startedAt: { $ifNull: ['$startedAt', '$$NOW'] },
      // Also of a row that is made anew, for it was taken away: what is missing is smaller than any date.
      hadLapsed: { $lte: ['$leaseUntil', '$$NOW'] },
    },
  },
];
const RENEWED = { upsert: true, returnDocument: 'after', projection: { leaseUntil: 1, hadLapsed: 1 } } as const;
const HAS_LEASE = { $expr: { $gt: ['$leaseUntil', '$$NOW'] } };

/** Nodes but `nodeId` that may push. */
export async function findOthers(database: Database, nodeId: string): Promise<string[]> {
  const rows = await database.nodes
    .find({ _id: { $ne: nodeId }, ...HAS_LEASE }, { projection: { _id: 1 }, limit: 1_000, ...QUICK_READ })
    .toArray();
  return rows.map((row) => row._id);
}

/** Those of `nodeIds` that may push: their lease runs. */
export async function findLeased(database: Database, nodeIds: string[]): Promise<string[]> {
  if (nodeIds.length === 0) return [];
  const rows = await database.nodes
    .find({ _id: { $in: nodeIds }, ...HAS_LEASE }, { projection: { _id: 1 }, ...QUICK_READ })
    .toArray();
  return rows.map((row) => row._id);
}

/** Nodes whose lease lapsed longer than `ageMs` ago: killed, or cut off for so long that others take over. */
export async function findDead(database: Database, ageMs: number): Promise<string[]> {
  const rows = await database.nodes
    .find(
      { $expr: { $lt: ['$leaseUntil', { $subtract: ['$$NOW', ageMs] }] } },
      { projection: { _id: 1 }, limit: 100, ...QUICK_READ },
    )
    .toArray();
  return rows.map((row) => row._id);
}

/**
 * Removes what a dead node left, the rows of its sockets before its own: a crash in between leaves the node to be found
 * dead again. The row of one that is alive after all stays.
 */
export async function forgetNode(database: Database, nodeId: string): Promise<void> {
  await database.connections.deleteMany({ nodeId });
  await database.nodes.deleteOne({ _id: nodeId, $expr: { $lt: ['$leaseUntil', '$$NOW'] } });
}

/** A node reads who there is right after each renewal: two more renewals of it, and it knows of `nodeId`. */
async function untilKnown(database: Database, nodeId: string): Promise<void> {
  const renewals = new Map<string, Set<number>>();
  for (;;) {
    const rows = await database.nodes
      .find({ _id: { $ne: nodeId }, ...HAS_LEASE }, { limit: 1_000, ...QUICK_READ })
      .toArray();
    for (const { _id, leaseUntil } of rows)
      renewals.set(_id, (renewals.get(_id) ?? new Set()).add(leaseUntil.getTime()));
    if (rows.every(({ _id }) => (renewals.get(_id)?.size ?? 0) >= 3)) return;
    await sleep(LOOK_MS);
  }
}
