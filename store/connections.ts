import { randomUUID } from 'node:crypto';
import type { Logger } from '../platform/logger';
import type { Database } from './database';

/**
 * A node that has not renewed for this long pushes nothing and is taken for dead: what has to be obeyed everywhere
 * waits at most this long for a node that cannot be reached.
 */
const LEASE_MS = 1_000;
const RENEW_MS = 300;

/** Which sockets exist on which node. Rows of dead nodes do not count and are removed by whoever meets them. */
export interface Connections {
  nodeId: string;
  /** Other nodes with a running lease, as of the last renewal. */
  otherNodes(): string[];
  /** False when this node's own lease may have lapsed: it pushes nothing then. */
  hasLease(): boolean;
  /** Called when the node has a lease again after it had lapsed. */
  onRegained(listener: () => void): void;
  /**
   * Records a socket of the agent unless `max` are open over all nodes. The row is written before it is counted, so
   * two at once may both be refused at the edge but never both exceed it.
   */
  claim(agentId: string, max: number): Promise<{ id: string } | null>;
  release(connectionId: string): Promise<void>;
  /** Nodes other than this one that hold sockets of any of these agents. */
  nodesOf(agentIds: string[]): Promise<Map<string, string[]>>;
  close(): Promise<void>;
}

export interface ConnectionsDeps {
  database: Database;
  log: Logger;
  nodeId: string;
  /** Reads the node's orders: one that cannot must not renew, so that whoever waits for it does not wait for ever. */
  beforeRenewal: () => Promise<void>;
}

export async function openConnections(deps: ConnectionsDeps): Promise<Connections> {
  const { database, log, nodeId } = deps;
  let others: string[] = [];
  let renewedAtMs = Number.NEGATIVE_INFINITY;
  const listeners: (() => void)[] = [];
  const hasLease = (): boolean => performance.now() - renewedAtMs < LEASE_MS;
  const renew = async (): Promise<void> => {
    await deps.beforeRenewal();
    // Counted from before the call, while the server counts from when it hears it: ours lapses first.
    const startedMs = performance.now();
    await database.nodes.updateOne({ _id: nodeId }, RENEWAL, { upsert: true, timeoutMS: LEASE_MS });
    const wasLapsed = !hasLease();
    renewedAtMs = startedMs;
    others = await findOthers(database, nodeId);
    if (wasLapsed) for (const listener of listeners) listener();
  };
  await renew();
  const stopRenewing = repeat(RENEW_MS, () =>
    renew().catch((error: unknown) => log.warn({ event: 'lease.failed', err: error })),
  );
  return {
    nodeId,
    otherNodes: () => others,
    hasLease,
    onRegained: (listener) => void listeners.push(listener),
    claim: (agentId, max) => claim(database, nodeId, agentId, max),
    release: async (id) => void (await database.connections.deleteOne({ _id: id })),
    nodesOf: (agentIds) => nodesOf(database, agentIds, others),
    close: async () => {
      await stopRenewing();
      await database.connections.deleteMany({ nodeId });
      await database.nodes.deleteOne({ _id: nodeId });
    },
  };
}

/** All by the server's clock: the nodes' clocks may differ. */
const RENEWAL = [
  { $set: { leaseUntil: { $add: ['$$NOW', LEASE_MS] }, startedAt: { $ifNull: ['$startedAt', '$$NOW'] } } },
];
const HAS_LEASE = { $expr: { $gt: ['$leaseUntil', '$$NOW'] } };

async function findOthers(database: Database, nodeId: string): Promise<string[]> {
  const rows = await database.nodes
    .find({ _id: { $ne: nodeId }, ...HAS_LEASE }, { projection: { _id: 1 }, limit: 1_000, maxTimeMS: 2_000 })
    .toArray();
  return rows.map((row) => row._id);
}

/** Those of `nodeIds` that may push: their lease runs. */
export async function findLeased(database: Database, nodeIds: string[]): Promise<string[]> {
  if (nodeIds.length === 0) return [];
  const rows = await database.nodes
    .find({ _id: { $in: nodeIds }, ...HAS_LEASE }, { projection: { _id: 1 }, maxTimeMS: 2_000 })
    .toArray();
  return rows.map((row) => row._id);
}

async function claim(database: Database, nodeId: string, agentId: string, max: number): Promise<{ id: string } | null> {
  const now = new Date();
  const id = randomUUID();
  await database.connections.insertOne({ _id: id, agentId, nodeId, cursor: 0, connectedAt: now, lastSeenAt: now });
  const rows = await database.connections.find({ agentId }, { limit: 1_000 }).toArray();
  if (rows.length <= max) return { id };
  const alive = new Set([nodeId, ...(await findOthers(database, nodeId))]);
  const dead = rows.filter((row) => !alive.has(row.nodeId)).map((row) => row.nodeId);
  if (dead.length > 0) await database.connections.deleteMany({ nodeId: { $in: dead } });
  if (rows.length - dead.length <= max) return { id };
  await database.connections.deleteOne({ _id: id });
  return null;
}

async function nodesOf(database: Database, agentIds: string[], others: string[]): Promise<Map<string, string[]>> {
  const rows = await database.connections
    .find(
      { agentId: { $in: agentIds }, nodeId: { $in: others } },
      { projection: { agentId: 1, nodeId: 1 }, limit: 10_000 },
    )
    .toArray();
  const byNode = new Map<string, Set<string>>();
  for (const row of rows) byNode.set(row.nodeId, (byNode.get(row.nodeId) ?? new Set()).add(row.agentId));
  return new Map([...byNode].map(([node, agents]) => [node, [...agents]]));
}

/** Runs `work` again `everyMs` after it ended, until stopped; `stop` waits for the run in progress. */
function repeat(everyMs: number, work: () => Promise<void>): () => Promise<void> {
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  const schedule = (): void => {
    timer = setTimeout(() => {
      running = work();
      void running.then(schedule);
    }, everyMs);
  };
  schedule();
  return async () => {
    await running;
    clearTimeout(timer);
  };
}
