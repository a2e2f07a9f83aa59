import { randomUUID } from 'node:crypto';
import type { Logger } from '../../platform/logger';
import type { Connection, VoiceCodecs } from '../schema/collections/nodes';
import type { Database } from '../schema/database';
import { READ, WRITE } from '../schema/reads';
import { within } from '../schema/deadline';
import { findLeased, findOthers, type Lease } from './lease';

/** What was released meanwhile waits behind it. */
const RELEASE_MS_MAX = 10_000;
const NOTE_MS_MAX = 10_000;
/** A row without a socket this long after it was written is no socket that is just being opened. */
const LEAKED_AFTER_MS = 60_000;

/** A socket of this node, as far as the registry is concerned. */
export interface Registered {
  id: string;
  agentId: string;
  /** The delivery position up to which its pump has gone. */
  cursor: number;
  /** There when its client knows the chat gateway. */
  gateway?: VoiceCodecs;
}

/** Which sockets exist on which node. Rows of dead nodes do not count and are removed by whoever meets them. */
export interface Connections {
  nodeId: string;
  /**
   * Records a socket of the agent unless `max` are open over all nodes. The row is written before it is counted, so
   * two at once may both be refused at the edge but never both exceed it.
   */
  claim(agentId: string, max: number): Promise<Registered | null>;
  /** Many at once cost few writes. */
  release(connectionId: string): Promise<void>;
  /**
   * Makes the rows of this node those of its open sockets: those that were taken away while it was thought dead are
   * written again, those whose removal failed go.
   */
  reconcile(registered: () => Registered[]): Promise<void>;
  /** Writes down how far these sockets have come; rows that are gone stay so. */
  noteCursors(sockets: Registered[]): Promise<void>;
  /** Writes down that a socket's client knows the chat gateway, and which codecs its voice takes. */
  noteGateway(connectionId: string, codecs: VoiceCodecs): Promise<void>;
  /** Nodes other than this one that hold sockets of any of these agents. */
  nodesOf(agentIds: string[]): Promise<Map<string, string[]>>;
  close(): Promise<void>;
}

export function createConnections(deps: {
  database: Database;
  log: Logger;
  nodeId: string;
  lease: Lease;
}): Connections {
  const { database, nodeId, lease } = deps;
  const release = gatherReleases(database);
  return {
    nodeId,
    claim: (agentId, max) => claim(database, nodeId, agentId, max),
    release,
    reconcile: (registered) => reconcile(database, nodeId, registered),
    noteCursors: (sockets) => noteCursors(database, sockets),
    noteGateway: async (id, gateway) =>
      void (await database.connections.updateOne({ _id: id }, { $set: { gateway } }, WRITE)),
    nodesOf: (agentIds) => nodesOf(database, agentIds, lease.otherNodes()),
    close: async () => void (await database.connections.deleteMany({ nodeId })),
  };
}

/** What is released while a deletion runs goes with the next one. */
function gatherReleases(database: Database): Connections['release'] {
  let ids: string[] = [];
  let next: Promise<void> | null = null;
  let running: Promise<unknown> = Promise.resolve();
  const write = async (): Promise<void> => {
    await running;
    const gathered = ids;
    ids = [];
    next = null;
    const deletion = database.connections.deleteMany({ _id: { $in: gathered } });
    const bounded = within(RELEASE_MS_MAX, deletion);
    running = bounded.catch(() => undefined);
    await bounded;
  };
  return (id) => {
    ids.push(id);
    return (next ??= write());
  };
}

async function claim(database: Database, nodeId: string, agentId: string, max: number): Promise<Registered | null> {
  const id = randomUUID();
  const socket = { id, agentId, cursor: 0 };
  await database.connections.insertOne(newConnection(nodeId, socket));
  const rows = await database.connections.find({ agentId }, { limit: 1_000 }).toArray();
  if (rows.length <= max) return socket;
  const alive = new Set([nodeId, ...(await findOthers(database, nodeId))]);
  const dead = rows.filter((row) => !alive.has(row.nodeId));
  if (dead.length > 0) await database.connections.deleteMany({ _id: { $in: dead.map(({ _id }) => _id) } });
  if (rows.length - dead.length <= max) return socket;
  await database.connections.deleteOne({ _id: id });
  return null;
}

/** Rows that are read or written at once: a node with ten thousand sockets must not stop for its registry. */
const PAGE = 1_000;

/**
 * The rows are read before the sockets are asked for: one that came in between is not missed but recorded twice, which
 * changes nothing. A process that dies in between leaves rows, as at any time (`forgetNode`).
 */
async function reconcile(database: Database, nodeId: string, registered: () => Registered[]): Promise<void> {
  const known = new Set<string>();
  const old: string[] = [];
  const oldMs = Date.now() - LEAKED_AFTER_MS;
  const projection = { _id: 1, connectedAt: 1 };
  for await (const row of database.connections.find({ nodeId }, { projection, batchSize: PAGE, ...READ })) {
    known.add(row._id);
    if (row.connectedAt.getTime() < oldMs) old.push(row._id);
  }
  const missing = registered().filter(({ id }) => !known.has(id));
  for (let start = 0; start < missing.length; start += PAGE) {
    const upserts = missing.slice(start, start + PAGE).map((socket) => {
      const { _id, ...row } = newConnection(nodeId, socket);
      return { updateOne: { filter: { _id }, update: { $setOnInsert: row }, upsert: true } };
    });
    await database.connections.bulkWrite(upserts, { ordered: false });
  }
  // Asked for once more: a socket that closed meanwhile has released its row before it was written again.
  const open = new Set(registered().map(({ id }) => id));
  const gone = [...missing.map(({ id }) => id), ...old].filter((id) => !open.has(id));
  if (gone.length > 0) await database.connections.deleteMany({ _id: { $in: gone } });
}

/** Unordered, each by its id: a write that is cut off in the middle is made good by the next one. */
async function noteCursors(database: Database, sockets: Registered[]): Promise<void> {
  if (sockets.length === 0) return;
  const now = new Date();
  const notes = sockets.map(({ id, cursor }) => ({
    updateOne: { filter: { _id: id }, update: { $max: { cursor }, $set: { notedAt: now } } },
  }));
  await within(NOTE_MS_MAX, database.connections.bulkWrite(notes, { ordered: false }));
}

function newConnection(nodeId: string, { id, agentId, cursor, gateway }: Registered): Connection {
  const now = new Date();
  const knowing = gateway === undefined ? {} : { gateway };
  return { _id: id, agentId, nodeId, cursor, connectedAt: now, notedAt: now, ...knowing };
}

/** The codecs of each socket of an agent that knows the chat gateway, on nodes that are alive: who can be called. */
export async function findGatewaySockets(database: Database, agentId: string): Promise<VoiceCodecs[]> {
  const rows = await database.connections
    .find({ agentId, gateway: { $exists: true } }, { ...READ, projection: { nodeId: 1, gateway: 1 }, limit: 1_000 })
    .toArray();
  const alive = new Set(await findLeased(database, [...new Set(rows.map(({ nodeId }) => nodeId))]));
  return rows.flatMap(({ nodeId, gateway }) => (alive.has(nodeId) && gateway !== undefined ? [gateway] : []));
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
