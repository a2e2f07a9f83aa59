import { randomUUID } from 'node:crypto';
import type { ChangeStream, ChangeStreamInsertDocument } from 'mongodb';
import type { Bus, LiveFrame, OwnerNote, WakeListener } from '../platform/bus';
import type { Logger } from '../platform/logger';
import type { BusNote } from './collections/nodes';
import type { Connections } from './connections';
import type { Database } from './database';
import type { Lease } from './lease';

/** How long a broken change stream waits before it is opened afresh. */
const REOPEN_MS = 500;

interface BusDeps {
  database: Database;
  connections: Connections;
  lease: Lease;
  log: Logger;
}

interface Listeners {
  wake: WakeListener[];
  frame: ((agentIds: string[], frame: LiveFrame) => void)[];
  ownerNotes: ((notes: OwnerNote[]) => void)[];
  order: (() => void)[];
}

/**
 * The bus over MongoDB: small notes addressed to the nodes that hold sockets of an agent, heard by a change stream.
 * With one node it costs nothing. After a break it opens afresh (never with the old token) and wakes everybody once.
 */
export function openBus(deps: BusDeps): Bus {
  const { lease, log } = deps;
  const listeners: Listeners = { wake: [], frame: [], ownerNotes: [], order: [] };
  const ear = openEar(deps, listeners);
  const writing = new Set<Promise<void>>();
  const write = (agentIds: string[], kind: 'wake' | 'frame', payload: object): void => {
    if (lease.otherNodes().length === 0 || agentIds.length === 0) return;
    const written = writeNotes(deps, agentIds, kind, payload)
      .catch((error: unknown) => log.warn({ event: 'bus.not_told', err: error }))
      .finally(() => writing.delete(written));
    writing.add(written);
  };
  return {
    wake: (agentIds) => write(agentIds, 'wake', {}),
    tell: (agentIds, frame) => write(agentIds, 'frame', frame),
    tellOwners: async (notes) => {
      if (lease.otherNodes().length === 0) return;
      await writeOwnerNotes(deps, notes).catch((error: unknown) => log.warn({ event: 'bus.not_told', err: error }));
    },
    onOwnerNotes: (listener) => void listeners.ownerNotes.push(listener),
    onWake: (listener) => void listeners.wake.push(listener),
    onFrame: (listener) => void listeners.frame.push(listener),
    onOrder: (listener) => void listeners.order.push(listener),
    isUp: () => ear.isOpen() || lease.isHeld(),
    close: async () => {
      await Promise.all(writing);
      await ear.close();
    },
  };
}

/** Listens for notes to this node until closed, opening the change stream again whenever it breaks. */
function openEar({ database, connections, log }: BusDeps, listeners: Listeners) {
  let isOpen = false;
  let isClosed = false;
  let stream: ChangeStream<BusNote, ChangeStreamInsertDocument<BusNote>> | null = null;
  const listen = async (): Promise<void> => {
    while (!isClosed) {
      try {
        stream = database.bus.watch<BusNote, ChangeStreamInsertDocument<BusNote>>([
          { $match: { operationType: 'insert', 'fullDocument.nodeId': connections.nodeId } },
        ]);
        isOpen = true;
        for (const listener of listeners.wake) listener([]);
        for await (const change of stream) hear(change.fullDocument, listeners);
      } catch (error) {
        if (!isClosed) log.warn({ event: 'bus.broken', err: error });
      }
      isOpen = false;
      if (!isClosed) await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
    }
  };
  void listen();
  return {
    isOpen: () => isOpen,
    close: async () => {
      isClosed = true;
      await stream?.close();
    },
  };
}

function hear({ kind, agentIds, payload }: BusNote, listeners: Listeners): void {
  if (kind === 'order') for (const listener of listeners.order) listener();
  // The parse point of frames from other nodes: only `tell` writes them.
  else if (kind === 'frame') {
    for (const listener of listeners.frame) listener(agentIds, payload as unknown as LiveFrame);
  } else if (kind === 'owner') {
    // The parse point of notes to owners: only `writeOwnerNotes` and `tellOwner` write them.
    for (const listener of listeners.ownerNotes) listener(payload['notes'] as OwnerNote[]);
  } else for (const listener of listeners.wake) listener(agentIds);
}

async function writeNotes(
  { database, connections }: BusDeps,
  agentIds: string[],
  kind: string,
  payload: object,
): Promise<void> {
  const byNode = await connections.nodesOf(agentIds);
  if (byNode.size === 0) return;
  const notes = [...byNode].map(([nodeId, ids]) => ({
    ...newBusNote(nodeId, kind, ids, { ...payload }),
    fromNodeId: connections.nodeId,
  }));
  await database.bus.insertMany(notes, { ordered: false });
}

/** One look-up and one write for all of them; each node gets those of the owners whose dashboards it holds. */
async function writeOwnerNotes({ database, connections }: BusDeps, notes: OwnerNote[]): Promise<void> {
  const byNode = await connections.nodesOf([...new Set(notes.map(({ ownerId }) => ownerId))]);
  if (byNode.size === 0) return;
  const rows = [...byNode].map(([nodeId, ownerIds]) => {
    const wanted = new Set(ownerIds);
    return newBusNote(nodeId, 'owner', ownerIds, { notes: notes.filter(({ ownerId }) => wanted.has(ownerId)) });
  });
  await database.bus.insertMany(rows, { ordered: false });
}

/** A note to one node; `ids` are the agents or owners that it is about. */
export function newBusNote(nodeId: string, kind: string, ids: string[], payload: BusNote['payload']): BusNote {
  return {
    _id: randomUUID(),
    nodeId,
    kind,
    agentIds: ids,
    fromNodeId: null,
    confirmedAt: null,
    payload,
    createdAt: new Date(),
  };
}
