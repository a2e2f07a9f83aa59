import { randomUUID } from 'node:crypto';
import type { Logger } from '../platform/logger';
import type { Database } from './database';

/** A node that has not renewed for this long is taken for dead; renewals come five times as often. */
const LEASE_MS = 5_000;
const RENEW_MS = 1_000;

/** Which sockets exist on which node. Rows of dead nodes do not count and are removed by whoever meets them. */
export interface Connections {
  nodeId: string;
  /** Other nodes with a running lease, as of the last renewal. */
  otherNodes(): string[];
  /** False when this node's own lease has lapsed: the database does not hear it. */
  hasLease(): boolean;
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

export async function openConnections(deps: { database: Database; log: Logger }): Promise<Connections> {
  const { database, log } = deps;
  const nodeId = randomUUID();
  let others: string[] = [];
  let renewedAtMs = 0;
  const renew = async (): Promise<void> => {
    const startedMs = Date.now();
    await database.nodes.updateOne(
      { _id: nodeId },
      { $set: { leaseUntil: new Date(startedMs + LEASE_MS) }, $setOnInsert: { startedAt: new Date(startedMs) } },
      { upsert: true, maxTimeMS: LEASE_MS },
    );
    renewedAtMs = startedMs;
    others = await findOthers(database, nodeId);
  };
  await renew();
  const stopRenewing = repeat(RENEW_MS, () =>
    renew().catch((error: unknown) => log.warn({ event: 'lease.failed', err: error })),
  );
  return {
    nodeId,
    otherNodes: () => others,
    hasLease: () => Date.now() - renewedAtMs < LEASE_MS,
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

async function findOthers(database: Database, nodeId: string): Promise<string[]> {
  const rows = await database.nodes
    .find({ _id: { $ne: nodeId }, leaseUntil: { $gt: new Date() } }, { projection: { _id: 1 }, limit: 1_000 })
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
